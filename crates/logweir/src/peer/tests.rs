use std::{collections::BTreeMap, ffi::OsStr, net::SocketAddr, time::Duration};

use logweir_serve::{
    agent::AgentConfig, gateway::GatewayConfig, rlp::RlpConfig, router::RouterConfig,
    traffic_controller::TrafficControllerConfig,
};

use super::{Name, Peer, agent, doppler, gateway, of_program, rlp, trafficcontroller};
use crate::{logging::Format, role::RoleConfig};

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn router(peer: Peer) -> RouterConfig {
    match peer.config {
        RoleConfig::Router(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn agent_config(peer: Peer) -> AgentConfig {
    match peer.config {
        RoleConfig::Agent(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn rlp_config(peer: Peer) -> RlpConfig {
    match peer.config {
        RoleConfig::Rlp(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn gateway_config(peer: Peer) -> GatewayConfig {
    match peer.config {
        RoleConfig::Gateway(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn controller_config(peer: Peer) -> TrafficControllerConfig {
    match peer.config {
        RoleConfig::TrafficController(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn bound(doors: &[(&'static str, &str)]) -> Vec<(&'static str, SocketAddr)> {
    doors
        .iter()
        .map(|(name, address)| (*name, address.parse().expect("an address")))
        .collect()
}

#[test]
fn program_names_are_peers() {
    let of = |name: &str| of_program(OsStr::new(name));
    assert_eq!(of("/opt/bin/doppler"), Some(Name::Doppler));
    assert_eq!(of("loggregator-agent"), Some(Name::Agent));
    assert_eq!(of("./agent"), Some(Name::Agent));
    assert_eq!(of("rlp-gateway"), Some(Name::RlpGateway));
    assert_eq!(of("udp-forwarder"), Some(Name::UdpForwarder));
    assert_eq!(of("forwarder-agent"), Some(Name::ForwarderAgent));
    assert_eq!(of("syslog-agent"), Some(Name::SyslogAgent));
    assert_eq!(of("trafficcontroller"), Some(Name::TrafficController));
    assert_eq!(of("gateway"), Some(Name::LogCacheGateway));
    assert_eq!(of("log-cache"), Some(Name::LogCache));
    assert_eq!(of("cf-auth-proxy"), Some(Name::CfAuthProxy));
    let syslog = Some(Name::LogCacheSyslogServer);
    assert_eq!(of("log-cache-syslog-server"), syslog);
    assert_eq!(of("logweir"), None);
}

/// What the peers' suite passes to a router (spec §9.4).
fn suite_router() -> Vec<(&'static str, &'static str)> {
    vec![
        ("ROUTER_PORT", "0"),
        ("ROUTER_CERT_FILE", "/c"),
        ("ROUTER_KEY_FILE", "/k"),
        ("ROUTER_CA_FILE", "/a"),
        ("ROUTER_CIPHER_SUITES", ""),
        ("INGRESS_BUFFER_SIZE", "10000"),
        ("EGRESS_BUFFER_SIZE", "1000"),
        ("ROUTER_PPROF_PORT", "0"),
        ("USE_RFC339", "false"),
        ("AGENT_GRPC_ADDRESS", "127.0.0.1:0"),
        ("ROUTER_METRIC_BATCH_INTERVAL_MILLISECONDS", "10"),
        ("ROUTER_METRIC_SOURCE_ID", ""),
    ]
}

#[test]
fn a_router_listens_everywhere_and_defaults_its_source_id() {
    let peer = doppler::load(&variables(&suite_router())).expect("loads");
    assert_eq!(peer.format, Format::Micros);
    let report = peer.report.clone().unwrap_or_default();
    assert!(report.starts_with("FIELD NAME:"), "{report}");
    assert!(!report.contains("/k"), "values stay out: {report}");
    let config = router(peer);
    assert!(config.listen.ip().is_unspecified());
    assert_eq!(config.status, Some(([127, 0, 0, 1], 0).into()));
    assert_eq!(config.self_metrics.interval, Duration::from_millis(10));
    assert_eq!(config.self_metrics.source_id, "doppler");
}

#[test]
fn a_routers_queues_hold_as_much_as_was_asked_for_and_never_less_than_ours() {
    for (asked, envelopes, bytes) in [
        ("1000", 65_536, 16 << 20),
        ("-1", 65_536, 16 << 20),
        ("262144", 262_144, 64 << 20),
    ] {
        let mut set = suite_router();
        set.push(("EGRESS_BUFFER_SIZE", asked));
        let queue = router(doppler::load(&variables(&set)).expect("loads")).queue;
        assert_eq!(
            (queue.envelopes, queue.bytes),
            (envelopes, bytes),
            "{asked}"
        );
    }
}

#[test]
fn a_router_without_files_says_the_peers_words() {
    let mut set = suite_router();
    set.retain(|(name, _)| !name.ends_with("_FILE"));
    assert_eq!(
        doppler::load(&variables(&set)).map(|_| ()),
        Err("invalid router config, no GRPC.CAFile provided".into())
    );
}

#[test]
fn only_known_suites_count() {
    let mut set = suite_router();
    set.push((
        "ROUTER_CIPHER_SUITES",
        "TLS_RC4,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ));
    let config = router(doppler::load(&variables(&set)).expect("loads"));
    assert_eq!(
        config.cipher_suites,
        ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    );
    set.push(("ROUTER_CIPHER_SUITES", "TLS_RC4"));
    assert_eq!(
        doppler::load(&variables(&set)).map(|_| ()),
        Err("no valid ciphers provided for TLS configuration".into())
    );
}

#[test]
fn router_lines_come_in_the_peers_order() {
    let doors = bound(&[("grpc", "[::]:41"), ("status", "127.0.0.1:42")]);
    assert_eq!(
        doppler::started(&super::Doors(&doors)),
        [
            "Startup: Setting up the router server",
            "grpc bound to: [::]:41",
            "Startup: router server started.",
            "Starting gRPC server on [::]:41",
            "pprof bound to: 127.0.0.1:42",
        ]
    );
}

fn suite_agent() -> Vec<(&'static str, &'static str)> {
    vec![
        ("AGENT_PORT", "0"),
        ("AGENT_INCOMING_UDP_PORT", "0"),
        ("METRICS_PORT", "0"),
        ("PPROF_PORT", "0"),
        ("AGENT_CERT_FILE", "/c"),
        ("AGENT_KEY_FILE", "/k"),
        ("AGENT_CA_FILE", "/a"),
        ("METRICS_CERT_FILE_PATH", "/c"),
        ("METRICS_KEY_FILE_PATH", "/k"),
        ("METRICS_CA_FILE_PATH", "/a"),
        (
            "AGENT_TAGS",
            "auto-tag-1:auto-tag-value-1,auto-tag-2:auto-tag-value-2",
        ),
        ("ROUTER_ADDR", "127.0.0.1:8082"),
        ("ROUTER_ADDR_WITH_AZ", "z@1.127.0.0.1:8082"),
        ("LOGS_DISABLED", "true"),
    ]
}

#[test]
fn an_agent_takes_its_tags_and_prefers_the_zones_router() {
    let config = agent_config(agent::load(&variables(&suite_agent())).expect("loads"));
    assert_eq!(config.listen, ([127, 0, 0, 1], 0).into());
    assert_eq!(config.tags.len(), 2);
    assert_eq!(config.preferred_routers, ["z-1.127.0.0.1:8082"]);
    assert_eq!(config.routers, ["127.0.0.1:8082"]);
    assert!(config.drop_logs);
    assert_eq!(config.status, None, "only with DEBUG_METRICS");
    let mut set = suite_agent();
    set.push(("ROUTER_ADDR_WITH_AZ", ":8082"));
    set.push(("AGENT_DISABLE_UDP", "1"));
    let config = agent_config(agent::load(&variables(&set)).expect("loads"));
    assert!(config.preferred_routers.is_empty(), "no host, no candidate");
    assert_eq!(config.routers, ["127.0.0.1:8082"]);
    assert_eq!(config.udp, None);
}

#[test]
fn an_agent_gives_datagrams_its_own_deployment_and_not_its_tags() {
    let mut set = suite_agent();
    set.push(("AGENT_DEPLOYMENT", "deployment"));
    set.push(("AGENT_INDEX", "42"));
    let config = agent_config(agent::load(&variables(&set)).expect("loads"));
    assert_eq!(config.udp, Some(([127, 0, 0, 1], 0).into()));
    let own = config.dropsonde;
    assert_eq!(
        [own.deployment, own.job, own.index, own.ip],
        ["deployment", "", "42", ""]
    );
}

#[test]
fn an_agent_without_a_router_says_the_peers_words() {
    let mut set = suite_agent();
    set.push(("ROUTER_ADDR", ""));
    assert_eq!(
        agent::load(&variables(&set)).map(|_| ()),
        Err("RouterAddr is required".into())
    );
}

#[test]
fn agent_lines_come_in_the_peers_order() {
    let peer = agent::load(&variables(&suite_agent())).expect("loads");
    let doors = bound(&[
        ("grpc", "127.0.0.1:41"),
        ("udp", "127.0.0.1:42"),
        ("metrics", "127.0.0.1:43"),
    ]);
    assert_eq!(
        agent::started(&super::Doors(&doors), &peer.starting),
        [
            "starting loggregator-agent",
            "Metrics endpoint is listening on 127.0.0.1:43",
            "metrics bound to: :43",
            "Startup: Setting up the agent",
            "udp bound to: 127.0.0.1:42",
            "agent v1 API started on addr 127.0.0.1:0",
            "agent v2 API started on addr 127.0.0.1:0",
            "grpc bound to: 127.0.0.1:41",
        ]
    );
}

#[test]
fn a_proxy_needs_routers_and_files() {
    assert_eq!(
        rlp::load(&BTreeMap::new()).map(|_| ()),
        Err("missing required environment variables: ROUTER_ADDRS".into())
    );
    let mut set = vec![("ROUTER_ADDRS", "a:1, b:2")];
    assert_eq!(
        rlp::load(&variables(&set)).map(|_| ()),
        Err("Could not use TLS config: RLP_CA_FILE is not set".into())
    );
    set.extend([
        ("RLP_CA_FILE", "/a"),
        ("RLP_CERT_FILE", "/c"),
        ("RLP_KEY_FILE", "/k"),
    ]);
    let config = rlp_config(rlp::load(&variables(&set)).expect("loads"));
    assert_eq!(config.routers, ["a:1", "b:2"]);
    assert_eq!(config.max_streams, 500);
    assert_eq!(config.status, Some(([127, 0, 0, 1], 6061).into()));
    assert_eq!(config.self_metrics.agent, "localhost:3458");
    assert_eq!(config.self_metrics.interval, Duration::from_secs(60));
}

#[test]
fn a_gateway_names_everything_that_is_missing() {
    let error = gateway::load(&BTreeMap::new())
        .map(|_| ())
        .expect_err("refused");
    assert!(
        error
            .starts_with("missing required environment variables: HTTP_CERT_PATH, HTTP_KEY_PATH, "),
        "{error}"
    );
}

#[test]
fn a_gateway_shows_all_but_its_secrets() {
    let names = [
        "LOGS_PROVIDER_CA_PATH",
        "LOGS_PROVIDER_CLIENT_CERT_PATH",
        "LOGS_PROVIDER_CLIENT_KEY_PATH",
        "LOG_ACCESS_CERT_PATH",
        "LOG_ACCESS_KEY_PATH",
        "LOG_ACCESS_CA_PATH",
        "LOG_ADMIN_CA_PATH",
        "HTTP_CERT_PATH",
        "HTTP_KEY_PATH",
        "METRICS_CA_FILE_PATH",
        "METRICS_CERT_FILE_PATH",
        "METRICS_KEY_FILE_PATH",
    ];
    let mut set: Vec<_> = names.into_iter().map(|name| (name, "/file")).collect();
    set.extend([
        ("LOGS_PROVIDER_ADDR", "127.0.0.1:8083"),
        ("LOG_ACCESS_ADDR", "https://cc:9023"),
        ("LOG_ACCESS_ADDR_EXTERNAL", "http://cc:9022"),
        ("LOG_ACCESS_COMMON_NAME", "cc"),
        ("LOG_ADMIN_ADDR", "https://uaa:8443"),
        ("LOG_ADMIN_CLIENT_ID", "weir"),
        ("LOG_ADMIN_CLIENT_SECRET", "very secret"),
        ("GATEWAY_ADDR", ":8088"),
        ("SKIP_CERT_VERIFY", "true"),
        ("STREAM_TIMEOUT", "0s"),
    ]);
    let peer = gateway::load(&variables(&set)).expect("loads");
    assert_eq!(peer.format, Format::Seconds);
    assert!(!format!("{peer:?}").contains("very secret"));
    let report = peer.report.clone().unwrap_or_default();
    assert!(
        report.contains("https://uaa:8443") && report.contains("0s"),
        "{report}"
    );
    let config = gateway_config(peer);
    assert_eq!(config.listen.port(), 8088);
    assert!(config.listen.ip().is_unspecified());
    assert_eq!(config.stream.timeout, Duration::ZERO);
    assert!(config.auth.uaa.is_some_and(|uaa| uaa.skip_verify));
}

/// What the peers' suite passes to a traffic controller (spec §9.4).
fn suite_controller() -> Vec<(&'static str, &'static str)> {
    vec![
        ("TRAFFIC_CONTROLLER_IP", "127.0.0.1"),
        ("ROUTER_ADDRS", "127.0.0.1:8082"),
        ("TRAFFIC_CONTROLLER_OUTGOING_DROPSONDE_PORT", "0"),
        ("TRAFFIC_CONTROLLER_OUTGOING_CERT_FILE", "/oc"),
        ("TRAFFIC_CONTROLLER_OUTGOING_KEY_FILE", "/ok"),
        ("ROUTER_CERT_FILE", "/c"),
        ("ROUTER_KEY_FILE", "/k"),
        ("ROUTER_CA_FILE", "/a"),
        ("TRAFFIC_CONTROLLER_SYSTEM_DOMAIN", "vcap.me"),
        ("TRAFFIC_CONTROLLER_DISABLE_ACCESS_CONTROL", "true"),
        ("TRAFFIC_CONTROLLER_SKIP_CERT_VERIFY", "true"),
        ("TRAFFIC_CONTROLLER_API_HOST", "http://127.0.0.1:65530"),
        ("TRAFFIC_CONTROLLER_UAA_HOST", "http://127.0.0.1:65531"),
        ("TRAFFIC_CONTROLLER_UAA_CA_CERT", "/ua"),
        ("TRAFFIC_CONTROLLER_UAA_CLIENT", "bob"),
        ("TRAFFIC_CONTROLLER_UAA_CLIENT_SECRET", "yourUncle"),
        ("TRAFFIC_CONTROLLER_METRIC_EMITTER_INTERVAL", "0s"),
        ("TRAFFIC_CONTROLLER_PPROF_PORT", "0"),
        ("AGENT_GRPC_ADDRESS", "localhost:37474"),
    ]
}

#[test]
fn a_traffic_controller_of_the_suite_asks_nobody() {
    let peer = trafficcontroller::load(&variables(&suite_controller())).expect("loads");
    assert!(peer.open);
    assert_eq!(peer.format, Format::Micros);
    let report = peer.report.clone().unwrap_or_default();
    assert!(report.contains("vcap.me"), "{report}");
    assert!(!report.contains("yourUncle"), "{report}");
    let config = controller_config(peer);
    assert!(config.listen.ip().is_unspecified());
    assert_eq!(config.routers, ["127.0.0.1:8082"]);
    assert_eq!(config.cookie.domain, "doppler.vcap.me");
    assert_eq!(config.self_metrics.interval, Duration::ZERO);
    assert_eq!(config.security_log, None);
    assert!(config.auth.uaa.is_none() && config.auth.capi.is_none());
}

#[test]
fn a_traffic_controller_asks_uaa_and_the_cloud_controller() {
    let mut set = suite_controller();
    set.retain(|(name, _)| !name.ends_with("DISABLE_ACCESS_CONTROL"));
    set.push(("TRAFFIC_CONTROLLER_SECURITY_EVENT_LOG", "/log"));
    set.push(("CC_SERVER_NAME", "cc.internal"));
    set.push(("USE_RFC339", "true"));
    let peer = trafficcontroller::load(&variables(&set)).expect("loads");
    assert!(!peer.open);
    assert_eq!(peer.format, Format::Rfc3339);
    let config = controller_config(peer);
    let uaa = config.auth.uaa.expect("is asked");
    assert_eq!(
        (&*uaa.url, &*uaa.client_id),
        ("http://127.0.0.1:65531", "bob")
    );
    assert!(uaa.skip_verify);
    let capi = config.auth.capi.expect("is asked");
    assert_eq!(
        (&*capi.url, &*capi.server_name),
        ("http://127.0.0.1:65530", "cc.internal")
    );
    assert_eq!(config.security_log, Some("/log".into()));
    assert_eq!(config.security_log_address, Some([127, 0, 0, 1].into()));
}

#[test]
fn a_traffic_controller_says_the_peers_words_for_what_is_missing() {
    let without = |missing: &str| {
        let mut set = suite_controller();
        set.retain(|(name, _)| *name != missing);
        let loaded = trafficcontroller::load(&variables(&set));
        loaded.map(|_| ()).expect_err("is refused")
    };
    for (missing, words) in [
        (
            "TRAFFIC_CONTROLLER_SYSTEM_DOMAIN",
            "need system domain in order to create the proxies",
        ),
        (
            "TRAFFIC_CONTROLLER_IP",
            "need IP address for access logging",
        ),
        (
            "ROUTER_KEY_FILE",
            "invalid router config, no GRPC.KeyFile provided",
        ),
        (
            "TRAFFIC_CONTROLLER_UAA_CLIENT_SECRET",
            "missing UAA client secret",
        ),
        (
            "TRAFFIC_CONTROLLER_UAA_CA_CERT",
            "missing UAA CA certificate",
        ),
    ] {
        assert_eq!(without(missing), words);
    }
}

#[test]
fn traffic_controller_lines_come_in_the_peers_order() {
    let doors = bound(&[("ws", "[::]:41"), ("status", "127.0.0.1:42")]);
    assert_eq!(
        trafficcontroller::started(&super::Doors(&doors)),
        [
            "Startup: Setting up the loggregator traffic controller",
            "ws bound to: [::]:41",
            "pprof bound to: 127.0.0.1:42",
        ]
    );
}
