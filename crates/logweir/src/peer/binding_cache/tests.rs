use super::*;

/// What BOSH renders for the job, with the settings that have no default.
fn rendered() -> Vec<(&'static str, &'static str)> {
    vec![
        ("API_URL", "https://cc.example:9023"),
        ("API_CA_FILE_PATH", "/api/ca"),
        ("API_CERT_FILE_PATH", "/api/cert"),
        ("API_KEY_FILE_PATH", "/api/key"),
        ("API_COMMON_NAME", "cc.example"),
        ("CACHE_CA_FILE_PATH", "/ca"),
        ("CACHE_CERT_FILE_PATH", "/cert"),
        ("CACHE_KEY_FILE_PATH", "/key"),
        ("CACHE_COMMON_NAME", "binding-cache"),
        ("CACHE_PORT", "9000"),
        ("LOGGREGATOR_AGENT_CA_FILE_PATH", "/agent/ca"),
        ("LOGGREGATOR_AGENT_CERT_FILE_PATH", "/agent/cert"),
        ("LOGGREGATOR_AGENT_KEY_FILE_PATH", "/agent/key"),
        ("METRICS_CA_FILE_PATH", "/metrics/ca"),
        ("METRICS_CERT_FILE_PATH", "/metrics/cert"),
        ("METRICS_KEY_FILE_PATH", "/metrics/key"),
    ]
}

fn load_with(more: &[(&'static str, &'static str)]) -> Result<BindingCacheConfig, String> {
    let mut pairs = rendered();
    pairs.extend(more);
    let variables = pairs.into_iter();
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match load(&variables.collect())?.config {
        RoleConfig::BindingCache(config) => Ok(*config),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_peers_defaults() {
    let config = load_with(&[]).expect("loads");
    assert!(config.listen.ip().is_unspecified());
    assert_eq!(config.listen.port(), 9000);
    assert_eq!(config.poll_interval, Duration::from_secs(15));
    assert_eq!(config.batch_size, 1000);
    assert_eq!(config.agent, "127.0.0.1:3458");
    assert_eq!(config.api_tls.key.to_str(), Some("/api/key"));
    assert_eq!(config.agent_tls.cert.to_str(), Some("/agent/cert"));
    assert!(config.warn_on_invalid_drains && !config.keep_alive);
    assert!(config.aggregate_drains.as_os_str().is_empty());
    assert_eq!(config.status, None, "only with DEBUG_METRICS");
}

#[test]
fn everything_that_can_be_set() {
    let config = load_with(&[
        ("API_POLLING_INTERVAL", "1m"),
        ("API_BATCH_SIZE", "50"),
        ("API_DISABLE_KEEP_ALIVES", "false"),
        ("AGGREGATE_DRAINS_FILE", "/drains.yml"),
        (
            "BLACKLISTED_SYSLOG_RANGES",
            "10.0.0.1-10.0.0.9,fd00::-fd00::1",
        ),
        ("WARN_ON_INVALID_DRAINS", "false"),
        ("LOGGREGATOR_AGENT_HOST", "::1"),
        ("LOGGREGATOR_AGENT_PORT", "3459"),
        ("METRICS_PORT", "14828"),
        ("DEBUG_METRICS", "true"),
    ]);
    let config = config.expect("loads");
    assert_eq!(config.poll_interval, Duration::from_secs(60));
    assert_eq!(config.batch_size, 50);
    assert!(config.keep_alive && !config.warn_on_invalid_drains);
    assert_eq!(config.aggregate_drains.to_str(), Some("/drains.yml"));
    assert_eq!(config.blocked_ranges.len(), 2);
    assert_eq!(config.agent, "[::1]:3459");
    let metrics = config.metrics.expect("a door");
    assert_eq!(metrics.listen, ([127, 0, 0, 1], 14828).into());
    assert_eq!(config.status, Some(([127, 0, 0, 1], 0).into()));
}

#[test]
fn what_is_missing_or_wrong_is_said_in_the_peers_words() {
    let refused = load(&BTreeMap::new()).map(|_| ()).expect_err("refused");
    assert!(
        refused.starts_with("missing required environment variables: API_CA_FILE_PATH, API_CERT"),
        "{refused}"
    );
    let refused = load_with(&[("BLACKLISTED_SYSLOG_RANGES", "10.0.0.9-10.0.0.1")]);
    assert_eq!(
        refused,
        Err("invalid Blacklist IP Range: Start 10.0.0.9 has to be before End 10.0.0.1".to_owned())
    );
}
