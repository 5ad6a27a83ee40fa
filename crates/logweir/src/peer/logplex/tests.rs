use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let required = [
        ("LOGPLEX_AUTH_KEY", "sekret"),
        ("LOGPLEX_COOKIE", "123"),
        ("INSTANCE_NAME", "i-1"),
        ("LOCAL_IP", "10.0.0.7"),
    ];
    let all = required.iter().chain(pairs);
    all.map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn loaded(pairs: &[(&str, &str)]) -> (LogplexConfig, Vec<String>) {
    let peer = load(&variables(pairs)).expect("an environment");
    assert!(!peer.open, "the operators' pages are for the key alone");
    let RoleConfig::Logplex(config) = peer.config else {
        panic!("another role");
    };
    (*config, peer.starting)
}

#[test]
fn the_peer_starts_with_four_variables_and_their_lack_is_told() {
    let (config, told) = loaded(&[]);
    assert_eq!(config.auth_key, "sekret");
    assert_eq!(config.api_url, "http://localhost:8001");
    assert_eq!(config.v3_url, "http://localhost:8002");
    assert_eq!(config.redis.url, "redis://localhost:6379");
    assert!(config.redis.history && config.redis.shards.is_empty());
    assert_eq!(config.cluster.domain, "development");
    assert_eq!(config.cluster.advertise, "10.0.0.7:8602");
    let ports = [config.listen, config.v3, config.input, config.syslog].map(|door| door.port());
    assert_eq!(ports, [8001, 8002, 8601, 6001]);
    assert_eq!(config.rods, Rods::default());
    assert!(told.is_empty(), "{told:?}");
    let refused = load(&BTreeMap::new()).expect_err("nothing");
    for name in REQUIRED {
        assert!(refused.contains(name), "{refused}");
    }
}

#[test]
fn every_variable_has_its_place() {
    let (config, told) = loaded(&[
        ("LOGPLEX_CONFIG_REDIS_URL", "redis://a"),
        ("LOGPLEX_SHARD_URLS", "redis://b#1, redis://c#2"),
        ("LOGPLEX_REDGRID_REDIS_URL", "redis://d"),
        ("LOGPLEX_CLOUD_NAME", "cloud"),
        ("HEROKU_DOMAIN", "example.com"),
        ("LOGPLEX_API_ENDPOINT_URL", "https://logs.example.com"),
        ("LOGPLEX_TLS_MODE", "insecure"),
        ("FIREHOSE_CHANNEL_IDS", "1,2"),
        ("FIREHOSE_FILTER_TOKENS", "router"),
        ("METRICS_CHANNEL_ID", "9"),
        ("API_STATUS", "read_only"),
        ("LEGACY_API_STATUS", "off"),
        ("DISABLE_DRAIN_FORWARDING", "true"),
        ("DENY_TAIL_SESSIONS", "true"),
        ("DENY_LOGS_INGRESS", "yes"),
        ("PAGERDUTY", "1"),
        ("ENABLE_BATCH_REDIS", "false"),
    ]);
    assert_eq!(config.redis.url, "redis://a");
    assert_eq!(config.redis.shards, ["redis://b#1", "redis://c#2"]);
    assert_eq!(config.cluster.redis_url, "redis://d");
    assert_eq!(config.cluster.domain, "example.com");
    assert_eq!(config.api_url, "https://logs.example.com");
    assert!(config.delivery.skip_cert_verify);
    assert_eq!(config.firehose.channels, ["1", "2"]);
    assert_eq!(config.firehose.tokens, ["router"]);
    assert_eq!(config.metrics_channel, "9");
    let rods = Rods {
        api: ApiStatus::ReadOnly,
        deny_drain_forwarding: true,
        deny_tail_sessions: true,
        ..Rods::default()
    };
    assert_eq!(config.rods, rods);
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn an_address_that_is_none_is_told() {
    let refused = load(&variables(&[("LOCAL_IP", "here")])).expect_err("no address");
    assert!(refused.contains("LOCAL_IP"), "{refused}");
}
