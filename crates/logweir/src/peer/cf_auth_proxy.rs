//! The auth proxy of a log cache under its peer's name (spec log-cache §8.4).

use std::{collections::BTreeMap, time::Duration};

use logweir_serve::{
    auth::UaaConfig,
    gateway::HttpsFiles,
    log_cache_auth_proxy::{LogCacheAuthProxyConfig, ProxyCapiConfig},
};

use super::{
    Peer,
    envstruct::{Environment, Field, field},
    gateway::go_address,
    log_cache::MetricsDoors,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "failed to load config: ";

const fn needed(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).required().shown()
}

const fn shown(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let gateway = needed("Config.LogCacheGatewayAddr", "LOG_CACHE_GATEWAY_ADDR");
    let gateway = env.text(gateway, "localhost:8081");
    let listen = env.text(needed("Config.Addr", "ADDR"), ":8083");
    let ip = env.text(shown("Config.InternalIP", "INTERNAL_IP"), "0.0.0.0");
    let cert = env.text(shown("Config.CertPath", "EXTERNAL_CERT"), "");
    let key = env.text(shown("Config.KeyPath", "EXTERNAL_KEY"), "");
    let skip = shown("Config.SkipCertVerify", "SKIP_CERT_VERIFY");
    let skip_verify = env.flag(skip, false);
    let promql = shown("Config.PromQLUnimplemented", "PROMQL_UNIMPLEMENTED");
    let promql = !env.flag(promql, false);
    let gateway_ca = env.text(shown("Config.ProxyCAPath", "PROXY_CA_PATH"), "");
    let log = shown("Config.SecurityEventLog", "SECURITY_EVENT_LOG");
    let security_log = env.text(log, "");
    // Nothing is pruned: tokens are not kept, here as at the peer.
    let pruning = shown("Config.TokenPruningInterval", "TOKEN_PRUNING_INTERVAL");
    env.duration(pruning, Duration::ZERO);
    let expiration = shown(
        "Config.CacheExpirationInterval",
        "CACHE_EXPIRATION_INTERVAL",
    );
    let cache_ttl = env.duration(expiration, Duration::from_secs(60));
    let capi = ProxyCapiConfig {
        url: env.text(needed("CAPI.Addr", "CAPI_ADDR"), ""),
        ca: env.text(shown("CAPI.CAPath", "CAPI_CA_PATH"), "").into(),
        server_name: env.text(shown("CAPI.CommonName", "CAPI_COMMON_NAME"), ""),
        skip_verify,
    };
    let client_id = env.text(field("UAA.ClientID", "UAA_CLIENT_ID"), "");
    let client_secret = env.text(field("UAA.ClientSecret", "UAA_CLIENT_SECRET"), "");
    let uaa = UaaConfig {
        client_id,
        client_secret,
        url: env.text(needed("UAA.Addr", "UAA_ADDR"), ""),
        ca: env.text(shown("UAA.CAPath", "UAA_CA_PATH"), "").into(),
        skip_verify,
    };
    let doors = MetricsDoors::read(&mut env, 6065);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let rows = env.finish()?;
    let (metrics, status) = doors.settings()?;
    let plain = cert.is_empty() && key.is_empty();
    let config = LogCacheAuthProxyConfig {
        listen: go_address("ADDR", &listen)?,
        https: (!plain).then(|| HttpsFiles {
            cert: cert.into(),
            key: key.into(),
        }),
        gateway,
        gateway_ca: gateway_ca.into(),
        uaa: Some(uaa),
        capi,
        cache_ttl,
        promql,
        security_log: (!security_log.is_empty()).then(|| security_log.into()),
        // A name is no address; the log then shows where the door listens.
        security_log_address: ip.parse().ok(),
        metrics,
        status,
        ..LogCacheAuthProxyConfig::default()
    };
    let config = RoleConfig::LogCacheAuthProxy(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

#[cfg(test)]
mod tests;
