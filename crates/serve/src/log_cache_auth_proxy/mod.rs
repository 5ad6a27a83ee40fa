//! The auth proxy of a log cache: a door before a gateway that guards nothing itself (spec
//! log-cache §5).
//!
//! [`handler`] knows the paths and decides, [`capi`] asks what a user sees, [`promql`] finds
//! the sources of queries, [`onward`] hands on.

mod capi;
mod config;
mod handler;
mod meta;
mod onward;
pub mod promql;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::tls::{Alpn, ClientAuth, ServerTls, TlsPaths};

pub use config::{LogCacheAuthProxyConfig, ProxyCapiConfig};

use crate::{
    auth::{AuthError, token_keys::TokenKeys},
    context::{ServeContext, StartError, Started},
    doors,
    front::{Front, Readiness, cef::SecurityLog},
    metrics::Registry,
};
use capi::Capi;
use handler::{Parts, Proxy};
use onward::Onward;

/// How long until the keys are asked for again, before there are any.
const AGAIN: Duration = Duration::from_secs(10);

/// Starts an auth proxy, as soon as UAA's keys are there. Its doors are bound when this
/// returns: `http`, and `metrics` and `status` where the settings ask for them.
///
/// # Errors
/// A certificate or a file that cannot be used, or an address that cannot be read or bound.
pub async fn start(
    config: LogCacheAuthProxyConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let keys_part = readiness.part("uaa");
    let registry = Registry::new();
    let wrong = |error: AuthError| StartError::Setting(format!("log_cache_auth_proxy: {error}"));
    let uaa = config.uaa.as_ref().ok_or_else(|| {
        StartError::Setting("log_cache_auth_proxy.uaa is not set: nobody could read".into())
    })?;
    let keys = Arc::new(TokenKeys::new(uaa).map_err(wrong)?);
    let capi = Capi::new(&config, &registry).map_err(wrong)?;
    let onward = Onward::new(&config.gateway, &config.gateway_ca).map_err(wrong)?;
    let tls = config.https.as_ref().map(|files| {
        let paths = TlsPaths {
            cert: files.cert.clone(),
            key: files.key.clone(),
            ca: std::path::PathBuf::new(),
        };
        let loaded = ServerTls::load(&paths, ClientAuth::None, &[], Alpn::HttpAll);
        loaded.map_err(|source| StartError::Tls {
            part: "the HTTP door",
            source: Box::new(source),
        })
    });
    let tls = tls.transpose()?;
    let clients = [
        keys.certificates(),
        capi.certificates(),
        onward.certificates(),
    ];
    let clients = clients.into_iter().flatten().collect();
    context.watch_tls(tls.iter().cloned().collect(), clients);
    // Someone may look what is missing meanwhile.
    doors::status(
        config.status,
        config.metrics.as_ref(),
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    first_keys(&keys, context).await;
    keys_part.ready();
    keep_fresh(&keys, context);

    let shown = config.security_log_address;
    let shown = SocketAddr::new(shown.unwrap_or(config.listen.ip()), config.listen.port());
    let security_log = match &config.security_log {
        Some(path) => {
            let key = "log_cache_auth_proxy.security_log";
            Some(SecurityLog::open(path, key, "log_cache", shown, &registry, context).await?)
        }
        None => None,
    };
    let proxy = Proxy(Arc::new(Parts {
        keys,
        capi,
        onward,
        promql: config.promql,
        security_log,
        registry,
    }));
    let settings = Front::http_settings();
    doors::http(
        "http",
        config.listen,
        tls,
        settings,
        proxy,
        context,
        &mut started,
    )
    .await?;
    Ok(started)
}

/// Waits for the first keys: a proxy without them would turn everybody away.
async fn first_keys(keys: &TokenKeys, context: &ServeContext) {
    let fetched = async {
        while let Err(error) = keys.refresh().await {
            tracing::warn!("Not ready to start: {error}");
            tokio::time::sleep(AGAIN).await;
        }
    };
    context.shutdown.stop.run_until_cancelled(fetched).await;
}

fn keep_fresh(keys: &Arc<TokenKeys>, context: &ServeContext) {
    let (keys, stop) = (Arc::clone(keys), context.shutdown.stop.clone());
    context.shutdown.tracker.spawn(async move {
        stop.run_until_cancelled(keys.keep_fresh()).await;
    });
}
