//! The reverse log proxy under its peer's name (spec loggregator-v2 §5, §7.4).

use std::{collections::BTreeMap, time::Duration};

use logweir_serve::{
    rlp::RlpConfig,
    settings::{SelfMetricsConfig, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, field},
    every_interface, local, named_files, port, suites,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "Failed to load config: ";

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let pprof = env.unsigned(
        field("Config.PProfPort", "RLP_PPROF_PORT"),
        "uint32",
        32,
        6061,
    );
    let interval = env.duration(
        field(
            "Config.MetricEmitterInterval",
            "RLP_METRIC_EMITTER_INTERVAL",
        ),
        Duration::from_secs(60),
    );
    let source_id = env.text(
        field("Config.MetricSourceID", "RLP_METRIC_SOURCE_ID"),
        "reverse_log_proxy",
    );
    let routers = env.list(field("Config.RouterAddrs", "ROUTER_ADDRS").required());
    let agent = env.text(field("Config.AgentAddr", "AGENT_ADDR"), "localhost:3458");
    let streams = env.signed(
        field("Config.MaxEgressStreams", "MAX_EGRESS_STREAMS"),
        "int64",
        500,
    );
    let listen = env.signed(field("GRPC.Port", "RLP_PORT"), "int", 0);
    let tls = TlsFiles {
        cert: env.text(field("GRPC.CertFile", "RLP_CERT_FILE"), "").into(),
        key: env.text(field("GRPC.KeyFile", "RLP_KEY_FILE"), "").into(),
        ca: env.text(field("GRPC.CAFile", "RLP_CA_FILE"), "").into(),
    };
    let cipher_suites = env.list(field("GRPC.CipherSuites", "RLP_CIPHER_SUITES"));
    let rows = env.finish()?;
    named_files(&[
        ("RLP_CA_FILE", &tls.ca),
        ("RLP_CERT_FILE", &tls.cert),
        ("RLP_KEY_FILE", &tls.key),
    ])?;
    let config = RlpConfig {
        listen: every_interface(port(listen)?),
        tls,
        cipher_suites: suites(&cipher_suites)?,
        // A negative limit refuses every stream, as the peer's comparison does.
        max_streams: usize::try_from(streams).unwrap_or(0),
        routers: routers
            .into_iter()
            .filter(|addr| !addr.is_empty())
            .collect(),
        status: Some(local(port(pprof)?)),
        self_metrics: SelfMetricsConfig {
            agent,
            interval,
            source_id,
            legacy_metric_names: false,
        },
        ..RlpConfig::default()
    };
    let config = RoleConfig::Rlp(Box::new(config));
    Ok(Peer::new(Format::Micros, rfc3339, &rows, config))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    vec![
        format!("grpc bound to: {}", doors.get("grpc")),
        format!("pprof bound to: {}", doors.get("status")),
    ]
}
