//! The agent under its peer's name (spec loggregator-v2 §3, §7.3).

use std::{collections::BTreeMap, net::SocketAddr};

use logweir_serve::{
    agent::AgentConfig,
    dropsonde::DropsondeConfig,
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, field},
    local, named_files, port, suites,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "Unable to parse config: ";

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC3339", "USE_RFC3339"), false);
    let tags = env.map(field("Config.Tags", "AGENT_TAGS"));
    let mut text = |name, variable| env.text(field(name, variable), "");
    let dropsonde = DropsondeConfig {
        deployment: text("Config.Deployment", "AGENT_DEPLOYMENT"),
        job: text("Config.Job", "AGENT_JOB"),
        index: text("Config.Index", "AGENT_INDEX"),
        ip: text("Config.IP", "AGENT_IP"),
        ..DropsondeConfig::default()
    };
    let no_udp = env.flag(field("Config.DisableUDP", "AGENT_DISABLE_UDP"), false);
    let drop_logs = env.flag(field("Config.LogsDisabled", "LOGS_DISABLED"), false);
    let udp = env.signed(
        field("Config.IncomingUDPPort", "AGENT_INCOMING_UDP_PORT"),
        "int",
        3457,
    );
    // Read and never used by the peer; text that is no number is still refused.
    env.unsigned(
        field(
            "Config.MetricBatchIntervalMilliseconds",
            "AGENT_METRIC_BATCH_INTERVAL_MILLISECONDS",
        ),
        "uint",
        64,
        60_000,
    );
    let router = env.text(field("Config.RouterAddr", "ROUTER_ADDR"), "");
    let zone_router = env.text(field("Config.RouterAddrWithAZ", "ROUTER_ADDR_WITH_AZ"), "");
    let listen = env.unsigned(field("GRPC.Port", "AGENT_PORT"), "uint16", 16, 3458);
    let tls = TlsFiles {
        ca: env.text(field("GRPC.CAFile", "AGENT_CA_FILE"), "").into(),
        cert: env
            .text(field("GRPC.CertFile", "AGENT_CERT_FILE"), "")
            .into(),
        key: env.text(field("GRPC.KeyFile", "AGENT_KEY_FILE"), "").into(),
    };
    let cipher_suites = env.list(field("GRPC.CipherSuites", "AGENT_CIPHER_SUITES"));
    let debug = env.flag(field("MetricsServer.DebugMetrics", "DEBUG_METRICS"), false);
    let pprof = env.unsigned(
        field("MetricsServer.PprofPort", "PPROF_PORT"),
        "uint16",
        16,
        0,
    );
    let metrics = env.unsigned(
        field("MetricsServer.Port", "METRICS_PORT"),
        "uint16",
        16,
        14824,
    );
    let metrics_tls = TlsFiles {
        ca: env
            .text(
                field("MetricsServer.CAFile", "METRICS_CA_FILE_PATH").required(),
                "",
            )
            .into(),
        cert: env
            .text(
                field("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH").required(),
                "",
            )
            .into(),
        key: env
            .text(
                field("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH").required(),
                "",
            )
            .into(),
    };
    env.finish()?;
    if router.is_empty() {
        return Err("RouterAddr is required".into());
    }
    named_files(&[
        ("AGENT_CA_FILE", &tls.ca),
        ("AGENT_CERT_FILE", &tls.cert),
        ("AGENT_KEY_FILE", &tls.key),
    ])?;
    let listen = local(port(listen)?);
    let udp = match no_udp {
        true => None,
        false => Some(local(port(udp)?)),
    };
    let mut starting = vec!["starting loggregator-agent".to_owned()];
    if let Some(udp) = udp {
        starting.push(configured("v1", udp));
    }
    starting.push(configured("v2", listen));
    let config = AgentConfig {
        listen,
        tls,
        cipher_suites: suites(&cipher_suites)?,
        udp,
        dropsonde,
        tags,
        drop_logs,
        routers: vec![router],
        preferred_routers: zone_candidate(&zone_router)?.into_iter().collect(),
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..AgentConfig::default()
    };
    let config = RoleConfig::Agent(Box::new(config));
    Ok(Peer {
        // The agent prints none.
        report: None,
        starting,
        ..Peer::new(Format::Seconds, rfc3339, &[], config)
    })
}

/// The peer names the port that it was told here, not the one that it got.
fn configured(version: &str, address: SocketAddr) -> String {
    format!("agent {version} API started on addr {address}")
}

/// The zone's router: ASCII, `@` as `-` (spec §3.6). One without a host cannot be
/// looked up, so it is no candidate.
fn zone_candidate(address: &str) -> Result<Option<String>, String> {
    let address = address.replace('@', "-");
    let (host, port) = address.rsplit_once(':').unwrap_or((&address, ""));
    if host.is_empty() {
        return Ok(None);
    }
    if host.is_ascii() {
        return Ok(Some(address));
    }
    let host = url::Host::parse(host).map_err(|error| format!("idna: {error}: {address:?}"))?;
    Ok(Some(format!("{host}:{port}")))
}

/// What the peer says once its doors are bound, around the lines that name what was
/// configured.
pub(crate) fn started(doors: &Doors<'_>, starting: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut configured = starting.iter().cloned();
    lines.extend(configured.next());
    if let Some(address) = doors.find("metrics") {
        lines.push(format!("Metrics endpoint is listening on {address}"));
        lines.push(format!("metrics bound to: :{}", address.port()));
    }
    if let Some(address) = doors.find("status") {
        lines.push(format!("pprof bound to: {address}"));
    }
    lines.push("Startup: Setting up the agent".into());
    if let Some(address) = doors.find("udp") {
        lines.push(format!("udp bound to: {address}"));
    }
    lines.extend(configured);
    lines.push(format!("grpc bound to: {}", doors.get("grpc")));
    lines
}
