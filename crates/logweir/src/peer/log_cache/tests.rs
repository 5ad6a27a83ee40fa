use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn node(pairs: &[(&str, &str)]) -> LogCacheConfig {
    match load(&variables(pairs)).expect("loads").config {
        RoleConfig::LogCache(config) => *config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_is_required_though_it_has_a_default() {
    let missing = load(&variables(&[])).map(|_| ()).unwrap_err();
    assert_eq!(missing, "missing required environment variables: ADDR");
    let missing = load_gateway(&variables(&[])).map(|_| ()).unwrap_err();
    assert_eq!(
        missing,
        "missing required environment variables: ADDR, LOG_CACHE_ADDR"
    );
}

#[test]
fn a_node_without_files_has_no_tls() {
    let config = node(&[("ADDR", ":8080"), ("MEMORY_LIMIT_BYTES", "1000000")]);
    assert!(config.plaintext && config.listen.ip().is_unspecified());
    assert_eq!(config.store.bytes, 1_000_000);
    assert_eq!(config.store.per_source, 100_000);
    assert!(config.cluster.nodes.is_empty() && config.metrics.is_none());
    assert_eq!(config.status, Some(([127, 0, 0, 1], 6060).into()));
}

#[test]
fn a_node_of_a_cluster_as_the_original_is_deployed() {
    let config = node(&[
        ("ADDR", ":8080"),
        ("MEMORY_LIMIT_BYTES", "1000000"),
        ("MEMORY_LIMIT_PERCENT", "25"),
        ("MAX_PER_SOURCE", "5"),
        ("NODE_INDEX", "1"),
        ("NODE_ADDRS", "10.0.0.1:8080,10.0.0.2:8080"),
        ("CA_PATH", "/ca"),
        ("CERT_PATH", "/cert"),
        ("KEY_PATH", "/key"),
        ("METRICS_PORT", "0"),
        ("METRICS_CA_FILE_PATH", "/mca"),
        ("METRICS_CERT_FILE_PATH", "/mcert"),
        ("METRICS_KEY_FILE_PATH", "/mkey"),
    ]);
    assert_eq!(config.store.bytes, 250_000, "a percentage of the bytes");
    assert_eq!(config.store.per_source, 5);
    assert_eq!(config.cluster.index, 1);
    assert_eq!(config.cluster.nodes, ["10.0.0.1:8080", "10.0.0.2:8080"]);
    assert!(!config.plaintext);
    assert_eq!(config.tls.key.to_str(), Some("/key"));
    assert!(config.metrics.is_some() && config.status.is_none());
}

#[test]
fn a_gateway_asks_nobody_who_they_are() {
    let peer = load_gateway(&variables(&[
        ("ADDR", "localhost:8081"),
        ("LOG_CACHE_ADDR", "localhost:8080"),
        ("PROXY_CERT_PATH", "/cert"),
        ("PROXY_KEY_PATH", "/key"),
    ]))
    .expect("loads");
    assert!(peer.open);
    let RoleConfig::LogCacheGateway(config) = peer.config else {
        panic!("{:?}", peer.config);
    };
    assert_eq!(config.listen.port(), 8081);
    assert_eq!(config.log_cache, "localhost:8080");
    assert!(config.https.is_some() && config.plaintext);
}
