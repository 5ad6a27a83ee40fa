//! The syslog server of a log cache under its peer's name (spec log-cache §8.5).

use std::{collections::BTreeMap, time::Duration};

use logweir_serve::{log_cache_syslog::LogCacheSyslogConfig, syslog_in::SyslogTls};

use super::{
    Peer,
    envstruct::{Environment, Field, field},
    every_interface,
    log_cache::{MetricsDoors, is_plain, node_tls},
    port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "invalid configuration: ";

const fn shown(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let node = shown("Config.LogCacheAddr", "LOG_CACHE_ADDR").required();
    let log_cache = env.text(node, ":8080");
    let listen = shown("Config.SyslogPort", "SYSLOG_PORT").required();
    let listen = env.signed(listen, "int", 8888);
    let log_cache_tls = node_tls(&mut env);
    let cert = shown("Config.SyslogTLSCertPath", "SYSLOG_TLS_CERT_PATH");
    let cert = env.text(cert, "");
    let key = env.text(shown("Config.SyslogTLSKeyPath", "SYSLOG_TLS_KEY_PATH"), "");
    let ca = shown(
        "Config.SyslogClientTrustedCAFile",
        "SYSLOG_CLIENT_TRUSTED_CA_FILE",
    );
    let ca = env.text(ca, "");
    let idle = shown("Config.SyslogIdleTimeout", "SYSLOG_IDLE_TIMEOUT");
    let idle_timeout = env.duration(idle, Duration::from_secs(120));
    let length = shown("Config.SyslogMaxMessageLength", "SYSLOG_MAX_MESSAGE_LENGTH");
    let message_bytes = env.signed(length, "int", 65 << 10);
    let trim = shown(
        "Config.SyslogTrimMessageWhitespace",
        "SYSLOG_TRIM_MESSAGE_WHITESPACE",
    );
    let trim = env.flag(trim, true);
    let framing = shown(
        "Config.SyslogNonTransparentFraming",
        "SYSLOG_NON_TRANSPARENT_FRAMING",
    );
    let newline_framing = env.flag(framing, false);
    let doors = MetricsDoors::read(&mut env, 6061);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let rows = env.finish()?;
    let (metrics, status) = doors.settings()?;
    let plain = cert.is_empty() && key.is_empty();
    let config = LogCacheSyslogConfig {
        listen: every_interface(port(listen)?),
        tls: (!plain).then(|| SyslogTls {
            cert: cert.into(),
            key: key.into(),
            ca: ca.into(),
        }),
        // Go dials this machine where the host is left out.
        log_cache: match log_cache.starts_with(':') {
            true => format!("localhost{log_cache}"),
            false => log_cache,
        },
        plaintext: is_plain(&log_cache_tls),
        log_cache_tls,
        idle_timeout,
        message_bytes: usize::try_from(message_bytes).unwrap_or_default(),
        trim,
        newline_framing,
        metrics,
        status,
        ..LogCacheSyslogConfig::default()
    };
    let config = RoleConfig::LogCacheSyslogServer(Box::new(config));
    Ok(Peer {
        // Whoever reaches it may send, as at the peer.
        open: true,
        ..Peer::new(Format::Seconds, rfc3339, &rows, config)
    })
}

#[cfg(test)]
mod tests;
