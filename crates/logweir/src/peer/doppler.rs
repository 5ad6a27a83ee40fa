//! The router under its peer's name (spec loggregator-v2 §4.1, §7.2).

use std::collections::BTreeMap;

use logweir_serve::{
    router::RouterConfig,
    settings::{QueueConfig, SelfMetricsConfig, TlsFiles},
};

use super::{
    Peer,
    envstruct::{Environment, field},
    every_interface, local, port, suites,
};
use crate::{logging::Format, role::RoleConfig};
use std::time::Duration;

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "Unable to parse config: ";

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let listen = env.unsigned(field("GRPC.Port", "ROUTER_PORT"), "uint16", 16, 0);
    let tls = TlsFiles {
        cert: env
            .text(field("GRPC.CertFile", "ROUTER_CERT_FILE"), "")
            .into(),
        key: env
            .text(field("GRPC.KeyFile", "ROUTER_KEY_FILE"), "")
            .into(),
        ca: env.text(field("GRPC.CAFile", "ROUTER_CA_FILE"), "").into(),
    };
    let cipher_suites = env.list(field("GRPC.CipherSuites", "ROUTER_CIPHER_SUITES"));
    // The ring before the peer's one thread that matches: here is nothing that waits for one.
    env.signed(
        field("Config.IngressBufferSize", "INGRESS_BUFFER_SIZE"),
        "int",
        0,
    );
    let egress = env.signed(
        field("Config.EgressBufferSize", "EGRESS_BUFFER_SIZE"),
        "int",
        0,
    );
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let pprof = env.unsigned(
        field("Config.PProfPort", "ROUTER_PPROF_PORT"),
        "uint32",
        32,
        0,
    );
    let agent = env.text(field("Agent.GRPCAddress", "AGENT_GRPC_ADDRESS"), "");
    let interval = env.unsigned(
        field(
            "Config.MetricBatchIntervalMilliseconds",
            "ROUTER_METRIC_BATCH_INTERVAL_MILLISECONDS",
        ),
        "uint",
        64,
        5000,
    );
    let source_id = env.text(
        field("Config.MetricSourceID", "ROUTER_METRIC_SOURCE_ID"),
        "doppler",
    );
    let rows = env.finish()?;
    for (name, file) in [
        ("CAFile", &tls.ca),
        ("CertFile", &tls.cert),
        ("KeyFile", &tls.key),
    ] {
        if file.as_os_str().is_empty() {
            return Err(format!("invalid router config, no GRPC.{name} provided"));
        }
    }
    let config = RouterConfig {
        listen: every_interface(port(listen)?),
        tls,
        cipher_suites: suites(&cipher_suites)?,
        queue: at_least(egress),
        status: Some(local(port(pprof)?)),
        self_metrics: SelfMetricsConfig {
            agent,
            interval: Duration::from_millis(interval),
            source_id,
            legacy_metric_names: false,
        },
        ..RouterConfig::default()
    };
    let config = RoleConfig::Router(Box::new(config));
    Ok(Peer::new(Format::Micros, rfc3339, &rows, config))
}

/// Bounds of a subscriber's queue. The peer's default is a ring of 1,000, which loses what ours
/// keeps; whoever asked for more than ours is to have it.
fn at_least(envelopes: i64) -> QueueConfig {
    let QueueConfig {
        bytes,
        envelopes: own,
    } = QueueConfig::default();
    let wanted = usize::try_from(envelopes).unwrap_or(0).max(own);
    QueueConfig {
        bytes: (bytes / own).saturating_mul(wanted),
        envelopes: wanted,
    }
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &super::Doors<'_>) -> Vec<String> {
    vec![
        "Startup: Setting up the router server".into(),
        format!("grpc bound to: {}", doors.get("grpc")),
        "Startup: router server started.".into(),
        format!("Starting gRPC server on {}", doors.get("grpc")),
        format!("pprof bound to: {}", doors.get("status")),
    ]
}
