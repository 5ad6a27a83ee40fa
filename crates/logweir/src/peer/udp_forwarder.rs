//! The UDP forwarder under its peer's name (spec agents-and-drains §1.6).

use std::collections::BTreeMap;

use logweir_serve::{
    dropsonde::DropsondeConfig,
    settings::{MetricsDoor, TlsFiles},
    udp_forwarder::UdpForwarderConfig,
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    local, port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// A file that the peer cannot do without; shown as all but one of its settings are.
const fn file(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).required().shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC3339", "USE_RFC3339"), false);
    let listen = env.signed(field("Config.UDPPort", "UDP_PORT").shown(), "int", 3457);
    let agent = env.text(
        field("GRPC.Addr", "LOGGREGATOR_AGENT_ADDR").shown(),
        "127.0.0.1:3458",
    );
    let mut text = |field| env.text(field, "");
    let tls = TlsFiles {
        ca: text(file("GRPC.CAFile", "LOGGREGATOR_AGENT_CA_FILE_PATH")).into(),
        cert: text(file("GRPC.CertFile", "LOGGREGATOR_AGENT_CERT_FILE_PATH")).into(),
        key: text(file("GRPC.KeyFile", "LOGGREGATOR_AGENT_KEY_FILE_PATH")).into(),
    };
    let dropsonde = DropsondeConfig {
        deployment: text(field("Config.Deployment", "DEPLOYMENT").shown()),
        job: text(field("Config.Job", "JOB").shown()),
        index: text(field("Config.Index", "INDEX").shown()),
        ip: text(field("Config.IP", "IP").shown()),
        ..DropsondeConfig::default()
    };
    let debug = field("MetricsServer.DebugMetrics", "DEBUG_METRICS").shown();
    let debug = env.flag(debug, false);
    let metrics = field("MetricsServer.Port", "METRICS_PORT").shown();
    let metrics = env.unsigned(metrics, "uint16", 16, 0);
    let pprof = field("MetricsServer.PprofPort", "PPROF_PORT").shown();
    let pprof = env.unsigned(pprof, "uint16", 16, 0);
    let mut text = |field| env.text(field, "");
    let metrics_tls = TlsFiles {
        ca: text(file("MetricsServer.CAFile", "METRICS_CA_FILE_PATH")).into(),
        cert: text(file("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH")).into(),
        key: text(file("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH")).into(),
    };
    let rows = env.finish()?;
    let config = UdpForwarderConfig {
        listen: local(port(listen)?),
        dropsonde,
        agent,
        tls,
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..UdpForwarderConfig::default()
    };
    let config = RoleConfig::UdpForwarder(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let mut lines = vec!["starting UDP Forwarder...".into()];
    if let Some(address) = doors.find("metrics") {
        lines.push(format!("Metrics endpoint is listening on {address}"));
        lines.push(format!("metrics bound to: :{}", address.port()));
    }
    if let Some(address) = doors.find("status") {
        lines.push(format!("pprof bound to: {address}"));
    }
    lines.push(format!("udp bound to: {}", doors.get("udp")));
    lines
}

#[cfg(test)]
mod tests;
