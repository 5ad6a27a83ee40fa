use std::{collections::BTreeMap, time::Duration};

use logweir_serve::log_cache_syslog::LogCacheSyslogConfig;

use super::{Peer, load};
use crate::role::RoleConfig;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn config(peer: Peer) -> LogCacheSyslogConfig {
    match peer.config {
        RoleConfig::LogCacheSyslogServer(config) => *config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_syslog_server_reads_its_release() {
    let release = [
        ("LOG_CACHE_ADDR", "localhost:8080"),
        ("SYSLOG_PORT", "6067"),
        ("SYSLOG_TLS_CERT_PATH", "/s.crt"),
        ("SYSLOG_TLS_KEY_PATH", "/s.key"),
        ("SYSLOG_CLIENT_TRUSTED_CA_FILE", "/s.ca"),
        ("CA_PATH", "/ca"),
        ("CERT_PATH", "/crt"),
        ("KEY_PATH", "/key"),
        ("SYSLOG_TRIM_MESSAGE_WHITESPACE", "false"),
        ("SYSLOG_NON_TRANSPARENT_FRAMING", "true"),
        ("METRICS_PORT", "6066"),
        ("METRICS_CA_FILE_PATH", "/m.ca"),
    ];
    let config = config(load(&variables(&release)).expect("loads"));
    assert_eq!(config.listen.port(), 6067);
    assert_eq!(config.tls.as_ref().unwrap().ca.as_os_str(), "/s.ca");
    assert_eq!(config.log_cache_tls.cert.as_os_str(), "/crt");
    assert!(!config.plaintext && !config.trim && config.newline_framing);
    assert_eq!(config.metrics.unwrap().listen.port(), 6066);
}

#[test]
fn a_syslog_server_has_the_peers_defaults() {
    let least = [("LOG_CACHE_ADDR", ":8080"), ("SYSLOG_PORT", "6067")];
    let config = config(load(&variables(&least)).expect("loads"));
    assert_eq!(config.log_cache, "localhost:8080");
    assert_eq!(config.idle_timeout, Duration::from_secs(120));
    assert_eq!((config.message_bytes, config.trim), (66_560, true));
    assert!(config.plaintext && config.tls.is_none());
    let refused = load(&variables(&[])).expect_err("nothing is there");
    assert_eq!(
        refused,
        "missing required environment variables: LOG_CACHE_ADDR, SYSLOG_PORT"
    );
}
