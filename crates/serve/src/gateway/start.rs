//! The gateway as a role of its own, and what guards any door with its pages.

use std::{net::SocketAddr, sync::Arc};

use logweir_net::{
    resolve::Resolver,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};

use super::{Gateway, GatewayConfig, HttpsFiles, RemoteRlp, Upstream};
use crate::{
    auth::{AuthConfig, Authorizer},
    context::{ServeContext, StartError, Started},
    doors,
    front::{AccessLog, Front, Readiness},
    metrics::Registry,
};

/// Starts a gateway. Its doors are bound when this returns: `http`, and `metrics` and
/// `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an address that cannot be read or bound, or
/// an open door beyond loopback.
pub async fn start(config: GatewayConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let registry = Registry::new();
    let https = config.https.as_ref().map(|files| Https {
        files,
        suites: &[],
        alpn: Alpn::HttpAll,
    });
    let (authorizer, tls) = guard(&config.auth, config.listen, https, &registry, context)?;
    let client = doors::client_tls("the gateway", &config.rlp_tls, &[])?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let mut targets = doors::targets("gateway.rlp", std::slice::from_ref(&config.rlp))?;
    let target = targets.remove(0);
    let remote = RemoteRlp::start(
        target,
        doors::dialer(&client, &config.rlp_name),
        Resolver::new(),
        readiness.part("rlp"),
        &context.shutdown,
    );
    let stop = context.shutdown.stop.clone();
    let stream = config.stream.clone();
    let gateway = Gateway::new(
        Upstream::Remote(remote),
        authorizer,
        stream,
        &registry,
        stop,
    );
    let metrics = config.metrics.as_ref();
    doors::status(
        config.status,
        metrics,
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    let log = if context.access_log {
        AccessLog::lines(tokio::io::stdout(), &context.shutdown.tracker)
    } else {
        AccessLog::Tracing
    };
    let front = Front::new(Some(gateway), None, log);
    let settings = Front::http_settings();
    doors::http(
        "http",
        config.listen,
        tls,
        settings,
        front,
        context,
        &mut started,
    )
    .await?;
    Ok(started)
}

/// TLS of a door that asks for no client certificate.
pub(crate) struct Https<'a> {
    pub(crate) files: &'a HttpsFiles,
    /// Those of TLS 1.2; empty: all there are.
    pub(crate) suites: &'a [String],
    pub(crate) alpn: Alpn,
}

/// Who may read through a door, and its TLS. Local tokens follow the settings while
/// the process runs.
pub(crate) fn guard(
    auth: &AuthConfig,
    door: SocketAddr,
    https: Option<Https<'_>>,
    registry: &Registry,
    context: &ServeContext,
) -> Result<(Arc<Authorizer>, Option<ServerTls>), StartError> {
    let authorizer = Authorizer::new(auth, door, context.insecure, registry)
        .map_err(|error| StartError::Setting(format!("auth: {error}")))?;
    let authorizer = Arc::new(authorizer);
    let load = |https: Https<'_>| {
        let paths = TlsPaths {
            cert: https.files.cert.clone(),
            key: https.files.key.clone(),
            ca: std::path::PathBuf::new(),
        };
        ServerTls::load(&paths, ClientAuth::None, https.suites, https.alpn).map_err(|source| {
            StartError::Tls {
                part: "the HTTP door",
                source: Box::new(source),
            }
        })
    };
    let tls = https.map(load).transpose()?;
    context.watch_tls(tls.iter().cloned().collect(), authorizer.certificates());
    follow_tokens(&authorizer, context);
    Ok((authorizer, tls))
}

fn follow_tokens(authorizer: &Arc<Authorizer>, context: &ServeContext) {
    let authorizer = Arc::clone(authorizer);
    let mut live = context.live.clone();
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let changes = async {
            while live.changed().await.is_ok() {
                let tokens = live.borrow_and_update().tokens.clone();
                if let Err(error) = authorizer.replace_tokens(&tokens) {
                    tracing::error!("the new local tokens are not taken: {error}");
                }
            }
        };
        stop.run_until_cancelled(changes).await;
    });
}
