use std::{collections::BTreeMap, net::SocketAddr};

use logweir_serve::udp_forwarder::UdpForwarderConfig;

use super::{Doors, Peer, load, started};
use crate::{logging::Format, role::RoleConfig};

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn config(peer: Peer) -> UdpForwarderConfig {
    match peer.config {
        RoleConfig::UdpForwarder(config) => *config,
        other => panic!("{other:?}"),
    }
}

/// What the peer's release passes to a UDP forwarder.
fn release() -> Vec<(&'static str, &'static str)> {
    vec![
        ("LOGGREGATOR_AGENT_CA_FILE_PATH", "/a"),
        ("LOGGREGATOR_AGENT_CERT_FILE_PATH", "/c"),
        ("LOGGREGATOR_AGENT_KEY_FILE_PATH", "/k"),
        ("LOGGREGATOR_AGENT_ADDR", "localhost:3460"),
        ("UDP_PORT", "0"),
        ("DEPLOYMENT", "cf"),
        ("JOB", "router"),
        ("INDEX", "8a9e"),
        ("IP", "10.0.0.9"),
        ("METRICS_PORT", "14829"),
        ("METRICS_CA_FILE_PATH", "/ma"),
        ("METRICS_CERT_FILE_PATH", "/mc"),
        ("METRICS_KEY_FILE_PATH", "/mk"),
        ("DEBUG_METRICS", "false"),
        ("PPROF_PORT", "0"),
        ("USE_RFC3339", "true"),
    ]
}

#[test]
fn a_udp_forwarder_reads_its_release_and_reports_it() {
    let peer = load(&variables(&release())).expect("loads");
    assert_eq!(peer.format, Format::Rfc3339);
    let report = peer.report.clone().expect("a report");
    let rows: Vec<_> = report.lines().map(str::trim_end).collect();
    assert_eq!(rows.len(), 17);
    assert_eq!(
        rows[2],
        "Config.UDPPort              int     UDP_PORT                          false      0"
    );
    let config = config(peer);
    assert_eq!(config.listen, ([127, 0, 0, 1], 0).into());
    assert_eq!(config.agent, "localhost:3460");
    assert_eq!(config.agent_name, "metron");
    assert_eq!(config.dropsonde.index, "8a9e");
    assert_eq!(config.status, None, "only with DEBUG_METRICS");
    let metrics = config.metrics.expect("a metrics door");
    assert_eq!(metrics.listen, ([127, 0, 0, 1], 14829).into());
}

#[test]
fn a_udp_forwarder_names_the_files_that_it_misses() {
    let set = variables(&release()[1..]);
    assert_eq!(
        load(&set).map(|_| ()),
        Err("missing required environment variables: LOGGREGATOR_AGENT_CA_FILE_PATH".into())
    );
}

#[test]
fn udp_forwarder_lines_say_where_it_listens() {
    let bound = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let doors = [("udp", bound(42)), ("metrics", bound(43))];
    assert_eq!(
        started(&Doors(&doors)),
        [
            "starting UDP Forwarder...",
            "Metrics endpoint is listening on 127.0.0.1:43",
            "metrics bound to: :43",
            "udp bound to: 127.0.0.1:42",
        ]
    );
}
