use std::{collections::BTreeMap, net::SocketAddr};

use logweir_serve::forwarder_agent::ForwarderAgentConfig;

use super::{Doors, Peer, load, started};
use crate::{logging::Format, role::RoleConfig};

fn config(peer: Peer) -> ForwarderAgentConfig {
    match peer.config {
        RoleConfig::ForwarderAgent(config) => *config,
        other => panic!("{other:?}"),
    }
}

/// What the peer's release passes to a forwarder agent, and `more`.
fn release(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = [
        ("AGENT_PORT", "3458"),
        ("AGENT_CA_FILE_PATH", "/a"),
        ("AGENT_CERT_FILE_PATH", "/c"),
        ("AGENT_KEY_FILE_PATH", "/k"),
        ("AGENT_TAGS", "deployment:cf,job:router,ip:10.0.0.9"),
        (
            "DOWNSTREAM_INGRESS_PORT_GLOB",
            "/var/vcap/jobs/*/config/ingress_port.yml",
        ),
        ("EMIT_OTEL_TRACES", "true"),
        ("METRICS_PORT", "14823"),
        ("METRICS_CA_FILE_PATH", "/ma"),
        ("METRICS_CERT_FILE_PATH", "/mc"),
        ("METRICS_KEY_FILE_PATH", "/mk"),
        ("USE_RFC3339", "true"),
    ];
    let all = own.iter().chain(more);
    all.map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn a_forwarder_agent_reads_its_release() {
    let peer = load(&release(&[])).expect("loads");
    assert_eq!(peer.format, Format::Rfc3339);
    let config = config(peer);
    assert_eq!(config.listen, ([127, 0, 0, 1], 3458).into());
    assert_eq!(config.tags["ip"], "10.0.0.9");
    assert_eq!(
        config.destination_files,
        ["/var/vcap/jobs/*/config/ingress_port.yml"]
    );
    assert_eq!(config.destination_name, "metron");
    let otel = &config.otel;
    assert_eq!((otel.logs, otel.metrics, otel.traces), (false, false, true));
    assert_eq!((otel.retries, &*otel.name), (7, "otel-collector"));
    let metrics = config.metrics.expect("a metrics door");
    assert_eq!(metrics.listen, ([127, 0, 0, 1], 14823).into());
}

#[test]
fn a_forwarder_agent_listens_where_it_is_told() {
    let listen = |host| load(&release(&[("AGENT_HOST", host)])).map(|peer| config(peer).listen);
    assert_eq!(listen("0.0.0.0"), Ok(([0, 0, 0, 0], 3458).into()));
    assert_eq!(listen("localhost"), Ok(([127, 0, 0, 1], 3458).into()));
    assert_eq!(
        listen("no such"),
        Err("listen tcp: lookup no such: no such host".into())
    );
}

#[test]
fn forwarder_agent_lines_say_where_it_listens() {
    let bound = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let doors = [("grpc", bound(42)), ("metrics", bound(43))];
    assert_eq!(
        started(&Doors(&doors)).last().map(String::as_str),
        Some("grpc bound to: 127.0.0.1:42")
    );
}
