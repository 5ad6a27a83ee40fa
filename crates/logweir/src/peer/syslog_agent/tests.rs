use std::{collections::BTreeMap, time::Duration};

use logweir_serve::syslog_agent::SyslogAgentConfig;

use super::{Peer, load};
use crate::role::RoleConfig;

fn config(peer: Peer) -> SyslogAgentConfig {
    match peer.config {
        RoleConfig::SyslogAgent(config) => *config,
        other => panic!("{other:?}"),
    }
}

/// What the peer's release passes to a syslog agent, and `more`.
fn release(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = [
        ("AGENT_PORT", "3460"),
        ("AGENT_CA_FILE_PATH", "/a"),
        ("AGENT_CERT_FILE_PATH", "/c"),
        ("AGENT_KEY_FILE_PATH", "/k"),
        ("LOGGREGATOR_AGENT_ADDR", "localhost:3460"),
        ("CACHE_URL", "https://cache:9000"),
        ("CACHE_CA_FILE_PATH", "/ca"),
        ("CACHE_CERT_FILE_PATH", "/cc"),
        ("CACHE_KEY_FILE_PATH", "/ck"),
        ("CACHE_COMMON_NAME", "binding-cache"),
        ("CACHE_POLLING_INTERVAL", "15s"),
        ("METRICS_PORT", "14822"),
        ("METRICS_CA_FILE_PATH", "/ma"),
        ("METRICS_CERT_FILE_PATH", "/mc"),
        ("METRICS_KEY_FILE_PATH", "/mk"),
    ];
    let all = own.iter().chain(more);
    all.map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn a_syslog_agent_reads_its_release() {
    let config = config(load(&release(&[])).expect("loads"));
    assert_eq!(config.listen, ([127, 0, 0, 1], 3460).into());
    assert_eq!(config.agent, "localhost:3460");
    assert_eq!(config.cache, "https://cache:9000");
    assert_eq!(config.cache_name, "binding-cache");
    assert_eq!(config.poll_interval, Duration::from_secs(15));
    assert!(config.aggregate_from_cache);
    assert_eq!(config.drains_per_app, 5);
    assert!(config.delivery.metadata);
    let without = release(&[("CACHE_CA_FILE_PATH", "")]);
    let config = self::config(load(&without).expect("loads"));
    assert_eq!(config.cache, "", "the peer asks only with an authority");
}

#[test]
fn aggregate_drains_of_the_environment_win_and_are_not_shown() {
    let urls = "syslog://u:geheim@h:1?drain-data=all, http://geheim@h,";
    let peer = load(&release(&[("AGGREGATE_DRAIN_URLS", urls)])).expect("loads");
    assert_eq!(peer.drains.len(), 1, "one of them is a drain");
    assert_eq!(
        peer.drains[0].url.reveal(),
        "syslog://u:geheim@h:1?drain-data=all"
    );
    assert!(!peer.report.clone().unwrap_or_default().contains("geheim"));
    assert!(!config(peer).aggregate_from_cache);
}

#[test]
fn the_settings_of_drains_are_read() {
    let peer = load(&release(&[
        ("DRAIN_SKIP_CERT_VERIFY", "true"),
        (
            "DRAIN_CIPHER_SUITES",
            "ECDHE-RSA-AES256-GCM-SHA384:RC4-SHA:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        ("DEFAULT_DRAIN_METADATA", "false"),
        ("IDLE_DRAIN_TIMEOUT", "1m30s"),
        ("AGGREGATE_CONNECTION_REFRESH_INTERVAL", "30s"),
        ("BLACKLISTED_SYSLOG_RANGES", "10.0.0.0-10.0.0.255"),
    ]));
    let config = config(peer.expect("loads"));
    let delivery = config.delivery;
    assert!(delivery.skip_cert_verify);
    assert_eq!(
        delivery.cipher_suites,
        [
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        ]
    );
    assert!(!delivery.metadata);
    assert_eq!(delivery.idle_timeout, Duration::from_secs(90));
    assert_eq!(delivery.aggregate_connection_age, Duration::from_secs(30));
    assert_eq!(config.aggregate_poll_interval, Duration::from_secs(30));
    let wrong = release(&[("BLACKLISTED_SYSLOG_RANGES", "10.0.0.9")]);
    assert_eq!(
        load(&wrong).map(|_| ()),
        Err("invalid BlacklistRange: 10.0.0.9".into())
    );
}
