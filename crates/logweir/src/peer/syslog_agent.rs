//! The syslog agent under its peer's name (spec agents-and-drains §1.4).

use std::{collections::BTreeMap, time::Duration};

use logweir_drain::block_list::BlockList;
use logweir_serve::{
    drains::{DeliveryConfig, DrainConfig},
    settings::{MetricsDoor, TlsFiles},
    syslog_agent::SyslogAgentConfig,
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    local, port, suites,
};
use crate::{console, logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// OpenSSL's names of the suites of receivers that are spoken here.
const OPENSSL: [(&str, &str); 4] = [
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
];

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
    let per_app = shown("Config.BindingsPerAppLimit", "BINDING_PER_APP_LIMIT");
    let per_app = env.signed(per_app, "int", 5);
    let skip = shown("Config.DrainSkipCertVerify", "DRAIN_SKIP_CERT_VERIFY");
    let skip_cert_verify = env.flag(skip, false);
    let ciphers = env.text(shown("Config.DrainCipherSuites", "DRAIN_CIPHER_SUITES"), "");
    let trusted = env.text(
        shown("Config.DrainTrustedCAFile", "DRAIN_TRUSTED_CA_FILE"),
        "",
    );
    let metadata = shown("Config.DefaultDrainMetadata", "DEFAULT_DRAIN_METADATA");
    let metadata = env.flag(metadata, true);
    let idle = shown("Config.IdleDrainTimeout", "IDLE_DRAIN_TIMEOUT");
    let idle_timeout = env.duration(idle, Duration::from_secs(600));
    let warn = shown("Config.WarnOnInvalidDrains", "WARN_ON_INVALID_DRAINS");
    let warn_on_invalid_drains = env.flag(warn, false);
    let listen = env.unsigned(shown("GRPC.Port", "AGENT_PORT"), "uint16", 16, 3458);
    let mut text = |field| env.text(field, "");
    let tls = TlsFiles {
        ca: text(needed("GRPC.CAFile", "AGENT_CA_FILE_PATH")).into(),
        cert: text(needed("GRPC.CertFile", "AGENT_CERT_FILE_PATH")).into(),
        key: text(needed("GRPC.KeyFile", "AGENT_KEY_FILE_PATH")).into(),
    };
    let agent = text(needed(
        "Config.LoggregatorAgentAddr",
        "LOGGREGATOR_AGENT_ADDR",
    ));
    let cipher_suites = env.list(shown("GRPC.CipherSuites", "AGENT_CIPHER_SUITES"));
    let mut text = |field| env.text(field, "");
    let cache = text(shown("Cache.URL", "CACHE_URL"));
    let cache_tls = TlsFiles {
        ca: text(shown("Cache.CAFile", "CACHE_CA_FILE_PATH")).into(),
        cert: text(shown("Cache.CertFile", "CACHE_CERT_FILE_PATH")).into(),
        key: text(shown("Cache.KeyFile", "CACHE_KEY_FILE_PATH")).into(),
    };
    let cache_name = text(shown("Cache.CommonName", "CACHE_COMMON_NAME"));
    let poll = shown("Cache.PollingInterval", "CACHE_POLLING_INTERVAL");
    let poll_interval = env.duration(poll, Duration::from_secs(60));
    let blocked_ranges = env.list(shown("Cache.Blacklist", "BLACKLISTED_SYSLOG_RANGES"));
    // They may hold passwords, so the table does not show them.
    let aggregate = env.list(field("Config.AggregateDrainURLs", "AGGREGATE_DRAIN_URLS"));
    let refresh = shown(
        "Config.AggregateConnectionRefreshInterval",
        "AGGREGATE_CONNECTION_REFRESH_INTERVAL",
    );
    let refresh = env.duration(refresh, Duration::from_secs(60));
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
    BlockList::parse(blocked_ranges.iter().map(String::as_str)).map_err(|e| e.to_string())?;
    let delivery = DeliveryConfig {
        trusted_ca: trusted.into(),
        skip_cert_verify,
        cipher_suites: receivers_suites(&ciphers),
        blocked_ranges,
        metadata,
        idle_timeout,
        aggregate_connection_age: refresh,
        ..DeliveryConfig::default()
    };
    let drains = aggregate_drains(&aggregate, &delivery);
    let config = SyslogAgentConfig {
        listen: local(port(listen)?),
        tls,
        cipher_suites: suites(&cipher_suites)?,
        // The peer asks for bindings only if it was given an authority for it.
        cache: match cache_tls.ca.as_os_str().is_empty() {
            true => String::new(),
            false => cache,
        },
        cache_name,
        cache_tls,
        poll_interval,
        aggregate_from_cache: drains.is_empty(),
        aggregate_poll_interval: refresh,
        drains_per_app: usize::try_from(per_app).unwrap_or_default(),
        warn_on_invalid_drains,
        agent,
        delivery,
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..SyslogAgentConfig::default()
    };
    let config = RoleConfig::SyslogAgent(Box::new(config));
    Ok(Peer {
        drains,
        ..Peer::new(Format::Seconds, rfc3339, &rows, config)
    })
}

/// The suites that are spoken here. Others are skipped, as those that today's TLS no longer
/// offers are at the peer; if none is left all are offered.
fn receivers_suites(list: &str) -> Vec<String> {
    let known = |name: &str| {
        let mut names = OPENSSL.into_iter();
        let found = names.find(|(openssl, iana)| [*openssl, *iana].contains(&name));
        if found.is_none() {
            console::err(&format!(
                "the cipher suite {name} of drains is not spoken here"
            ));
        }
        found.map(|(_, iana)| iana.to_owned())
    };
    let names = list.split([':', ',']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .filter_map(known)
        .collect()
}

/// A drain that is none is told, and the others are served.
fn aggregate_drains(urls: &[String], delivery: &DeliveryConfig) -> Vec<DrainConfig> {
    let urls = urls.iter().filter(|url| !url.is_empty());
    let drains = urls.map(|url| DrainConfig {
        url: url.clone().into(),
        ..DrainConfig::default()
    });
    let usable = drains.filter(|drain| {
        let definition = drain.definition();
        let made = definition.and_then(|one| one.drain(&delivery.url_defaults()));
        if let Err(error) = &made {
            console::err(&format!("an aggregate drain is not used: {error}"));
        }
        made.is_ok()
    });
    usable.collect()
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let mut lines = vec!["starting syslog-agent".into()];
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
