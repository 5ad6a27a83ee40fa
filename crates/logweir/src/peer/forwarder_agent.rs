//! The forwarder agent under its peer's name (spec agents-and-drains §1.2).

use std::{collections::BTreeMap, net::SocketAddr};

use logweir_serve::{
    forwarder_agent::ForwarderAgentConfig,
    otlp_export::OtelConfig,
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    local, port, suites,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

const fn needed(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).required().shown()
}

const fn shown(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC3339", "USE_RFC3339"), false);
    let host = env.text(shown("GRPC.Host", "AGENT_HOST"), "127.0.0.1");
    let listen = env.unsigned(shown("GRPC.Port", "AGENT_PORT"), "uint16", 16, 3458);
    let mut text = |field| env.text(field, "");
    let tls = TlsFiles {
        ca: text(needed("GRPC.CAFile", "AGENT_CA_FILE_PATH")).into(),
        cert: text(needed("GRPC.CertFile", "AGENT_CERT_FILE_PATH")).into(),
        key: text(needed("GRPC.KeyFile", "AGENT_KEY_FILE_PATH")).into(),
    };
    let cipher_suites = env.list(shown("GRPC.CipherSuites", "AGENT_CIPHER_SUITES"));
    let files = shown(
        "Config.DownstreamIngressPortCfg",
        "DOWNSTREAM_INGRESS_PORT_GLOB",
    );
    let files = env.text(files, "");
    let tags = env.map(field("Config.Tags", "AGENT_TAGS"));
    let traces = env.flag(field("Config.EmitOTelTraces", "EMIT_OTEL_TRACES"), false);
    let emitted = env.flag(field("Config.EmitOTelMetrics", "EMIT_OTEL_METRICS"), false);
    let logs = env.flag(field("Config.EmitOTelLogs", "EMIT_OTEL_LOGS"), false);
    let retries = field("Config.OTelRetryMaxRetries", "OTEL_RETRY_MAX_RETRIES");
    let retries = env.unsigned(retries, "uint32", 32, 7);
    // What waits for a collector is what its queues hold.
    let pool = field("Config.OTelRetryQueueSize", "OTEL_RETRY_QUEUE_SIZE");
    env.unsigned(pool, "uint32", 32, 1024);
    let debug = shown("MetricsServer.DebugMetrics", "DEBUG_METRICS");
    let debug = env.flag(debug, false);
    let metrics = shown("MetricsServer.Port", "METRICS_PORT");
    let metrics = env.unsigned(metrics, "uint16", 16, 0);
    let pprof = shown("MetricsServer.PprofPort", "PPROF_PORT");
    let pprof = env.unsigned(pprof, "uint16", 16, 0);
    let mut text = |field| env.text(field, "");
    let metrics_tls = TlsFiles {
        ca: text(needed("MetricsServer.CAFile", "METRICS_CA_FILE_PATH")).into(),
        cert: text(needed("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH")).into(),
        key: text(needed("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH")).into(),
    };
    let rows = env.finish()?;
    let config = ForwarderAgentConfig {
        listen: address(&host, port(listen)?)?,
        tls,
        cipher_suites: suites(&cipher_suites)?,
        tags,
        destination_files: Some(files)
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect(),
        otel: OtelConfig {
            logs,
            metrics: emitted,
            traces,
            retries: u32::try_from(retries).unwrap_or(u32::MAX),
            ..OtelConfig::default()
        },
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..ForwarderAgentConfig::default()
    };
    let config = RoleConfig::ForwarderAgent(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

/// Where to listen: an address, or the name that every machine has.
fn address(host: &str, port: u16) -> Result<SocketAddr, String> {
    if host == "localhost" {
        return Ok(local(port));
    }
    let ip = host.parse();
    let ip = ip.map_err(|_| format!("listen tcp: lookup {host}: no such host"))?;
    Ok(SocketAddr::new(ip, port))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let mut lines = vec!["starting forwarder-agent".into()];
    if let Some(address) = doors.find("metrics") {
        lines.push(format!("Metrics endpoint is listening on {address}"));
        lines.push(format!("metrics bound to: :{}", address.port()));
    }
    if let Some(address) = doors.find("status") {
        lines.push(format!("pprof bound to: {address}"));
    }
    lines.push(format!("grpc bound to: {}", doors.get("grpc")));
    lines
}

#[cfg(test)]
mod tests;
