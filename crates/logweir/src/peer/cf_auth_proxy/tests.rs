use std::{collections::BTreeMap, time::Duration};

use logweir_serve::log_cache_auth_proxy::LogCacheAuthProxyConfig;

use super::{Peer, load};
use crate::role::RoleConfig;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn config(peer: Peer) -> LogCacheAuthProxyConfig {
    match peer.config {
        RoleConfig::LogCacheAuthProxy(config) => *config,
        other => panic!("{other:?}"),
    }
}

/// What the peer's release passes to an auth proxy.
const RELEASE: [(&str, &str); 17] = [
    ("ADDR", ":8083"),
    ("LOG_CACHE_GATEWAY_ADDR", "https://localhost:8081"),
    ("INTERNAL_IP", "10.0.0.7"),
    ("EXTERNAL_CERT", "/e.crt"),
    ("EXTERNAL_KEY", "/e.key"),
    ("PROXY_CA_PATH", "/p.ca"),
    ("SECURITY_EVENT_LOG", "/var/log/security.log"),
    ("CAPI_ADDR", "https://cc:9024"),
    ("CAPI_CA_PATH", "/c.ca"),
    ("CAPI_COMMON_NAME", "cc"),
    ("UAA_ADDR", "https://uaa:8443"),
    ("UAA_CA_PATH", "/u.ca"),
    ("UAA_CLIENT_ID", "id"),
    ("UAA_CLIENT_SECRET", "very-secret"),
    ("TOKEN_PRUNING_INTERVAL", "60s"),
    ("METRICS_PORT", "6065"),
    ("METRICS_CA_FILE_PATH", "/m.ca"),
];

#[test]
fn an_auth_proxy_reads_its_release_and_tells_no_secret() {
    let peer = load(&variables(&RELEASE)).expect("loads");
    let report = peer.report.clone().expect("a report");
    assert!(report.contains("https://cc:9024"), "{report}");
    assert!(!report.contains("very-secret"), "{report}");
    let config = config(peer);
    assert_eq!(config.listen.port(), 8083);
    assert_eq!(config.gateway, "https://localhost:8081");
    assert_eq!(config.cache_ttl, Duration::from_secs(60));
    assert!(config.promql);
    assert_eq!(config.capi.server_name, "cc");
    assert_eq!(config.uaa.as_ref().unwrap().client_secret, "very-secret");
    assert_eq!(config.security_log_address, "10.0.0.7".parse().ok());
    assert_eq!(
        config.metrics.unwrap().listen,
        ([127, 0, 0, 1], 6065).into()
    );
}

#[test]
fn what_is_required_is_named() {
    let refused = load(&variables(&[])).expect_err("nothing is there");
    assert_eq!(
        refused,
        "missing required environment variables: ADDR, CAPI_ADDR, LOG_CACHE_GATEWAY_ADDR, UAA_ADDR"
    );
}
