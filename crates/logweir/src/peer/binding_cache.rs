//! The binding cache under its peer's name (spec agents-and-drains §1.5).

use std::{collections::BTreeMap, time::Duration};

use logweir_drain::block_list::BlockList;
use logweir_serve::{
    binding_cache::BindingCacheConfig,
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    every_interface, local, port, suites,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// A setting that the peer cannot do without; shown as all but one of its settings are.
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
    let mut text = |field| env.text(field, "");
    let api = text(needed("Config.APIURL", "API_URL"));
    let api_tls = TlsFiles {
        ca: text(needed("Config.APICAFile", "API_CA_FILE_PATH")).into(),
        cert: text(needed("Config.APICertFile", "API_CERT_FILE_PATH")).into(),
        key: text(needed("Config.APIKeyFile", "API_KEY_FILE_PATH")).into(),
    };
    let api_name = text(needed("Config.APICommonName", "API_COMMON_NAME"));
    let interval = shown("Config.APIPollingInterval", "API_POLLING_INTERVAL");
    let interval = env.duration(interval, Duration::from_secs(15));
    let batch = env.signed(shown("Config.APIBatchSize", "API_BATCH_SIZE"), "int", 1000);
    let close = shown("Config.APIDisableKeepAlives", "API_DISABLE_KEEP_ALIVES");
    let close = env.flag(close, true);
    let cipher_suites = env.list(shown("Config.CipherSuites", "CIPHER_SUITES"));
    let mut text = |field| env.text(field, "");
    let aggregate = text(shown("Config.AggregateDrainsFile", "AGGREGATE_DRAINS_FILE"));
    let tls = TlsFiles {
        ca: text(needed("Config.CacheCAFile", "CACHE_CA_FILE_PATH")).into(),
        cert: text(needed("Config.CacheCertFile", "CACHE_CERT_FILE_PATH")).into(),
        key: text(needed("Config.CacheKeyFile", "CACHE_KEY_FILE_PATH")).into(),
    };
    // The name that its clients verify; the certificate says it.
    text(needed("Config.CacheCommonName", "CACHE_COMMON_NAME"));
    let listen = env.signed(needed("Config.CachePort", "CACHE_PORT"), "int", 0);
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
    let host = env.text(shown("GRPC.Host", "LOGGREGATOR_AGENT_HOST"), "127.0.0.1");
    let agent_port = shown("GRPC.Port", "LOGGREGATOR_AGENT_PORT");
    let agent_port = env.signed(agent_port, "int", 3458);
    let mut text = |field| env.text(field, "");
    let agent_tls = TlsFiles {
        ca: text(needed("GRPC.CAFile", "LOGGREGATOR_AGENT_CA_FILE_PATH")).into(),
        cert: text(needed("GRPC.CertFile", "LOGGREGATOR_AGENT_CERT_FILE_PATH")).into(),
        key: text(needed("GRPC.KeyFile", "LOGGREGATOR_AGENT_KEY_FILE_PATH")).into(),
    };
    env.list(shown(
        "GRPC.CipherSuites",
        "LOGGREGATOR_AGENT_CIPHER_SUITES",
    ));
    let blocked_ranges = env.list(shown("Config.Blacklist", "BLACKLISTED_SYSLOG_RANGES"));
    let warn = shown("Config.WarnOnInvalidDrains", "WARN_ON_INVALID_DRAINS");
    let warn = env.flag(warn, true);
    let rows = env.finish()?;
    BlockList::parse(blocked_ranges.iter().map(String::as_str)).map_err(|e| e.to_string())?;
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host,
    };
    let config = BindingCacheConfig {
        listen: every_interface(port(listen)?),
        tls,
        cipher_suites: suites(&cipher_suites)?,
        api,
        api_name,
        api_tls,
        poll_interval: interval,
        batch_size: u32::try_from(batch).unwrap_or(1000),
        keep_alive: !close,
        aggregate_drains: aggregate.into(),
        blocked_ranges,
        warn_on_invalid_drains: warn,
        agent: format!("{host}:{}", port(agent_port)?),
        agent_tls,
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..BindingCacheConfig::default()
    };
    let config = RoleConfig::BindingCache(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let mut lines = vec!["starting syslog-binding-cache".into()];
    if let Some(address) = doors.find("metrics") {
        lines.push(format!("Metrics endpoint is listening on {address}"));
        lines.push(format!("metrics bound to: :{}", address.port()));
    }
    if let Some(address) = doors.find("status") {
        lines.push(format!("pprof bound to: {address}"));
    }
    lines.push(format!("cache bound to: {}", doors.get("cache")));
    lines
}

#[cfg(test)]
mod tests;
