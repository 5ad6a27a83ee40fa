//! The roles: a node, and the gateway in front of nodes.

use std::{sync::Arc, time::Duration};

use logweir_cache::Store;
use logweir_net::{resolve::Resolver, tls::Alpn};

use super::{
    Api, Cache, Engine, Guard, Local, LogCacheConfig, LogCacheGatewayConfig, RemoteNode, Saving,
    Upstream,
    cluster::{self, Cluster, Node},
};
use crate::{
    context::{ServeContext, StartError, Started},
    doors::{self, GrpcDoor},
    front::{AccessLog, Front, Readiness},
    gateway,
    grpc::{Door, unix_nanos},
    metrics::{LogCacheFigures, Registry},
};

/// What is too old is looked for this often.
const SWEEP: Duration = Duration::from_secs(1);

/// Starts a node. Its doors are bound when this returns: `grpc`, and `metrics` and
/// `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, a list of nodes that makes no sense, or an
/// address that cannot be bound.
pub async fn start(config: LogCacheConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("grpc");
    let registry = Registry::new();
    let tls = match config.plaintext {
        true => None,
        false => {
            let suites = &config.cipher_suites;
            let tls = doors::server_tls("the log cache", &config.tls, suites, Alpn::H2)?;
            context.watch_tls(vec![tls.clone()], Vec::new());
            Some(tls)
        }
    };
    let store = Arc::new(Store::new(config.store.limits()));
    if !config.data_dir.as_os_str().is_empty() {
        let saving = Saving {
            store: &store,
            data_dir: &config.data_dir,
            readiness: &readiness,
            registry: &registry,
        };
        saving.start(context).await?;
    }
    let local = Arc::new(Local::of_sends(store));
    let files = (!config.plaintext).then_some(&config.tls);
    let list = &config.cluster;
    let dialer = cluster::dialer("the log cache", files, &list.server_name, context)?;
    let shown = (&registry, &readiness);
    let cluster = Cluster::start(&local, list, dialer, shown, context, &mut started)?;
    let cache = Cache::of_cluster(local, cluster);
    let cache = Arc::new(cache.with_engine(Engine::new(&config.promql, &registry)));
    tend(&cache, context);
    collect(&registry, &cache);
    let door = Door::new(None, None).with_cache(cache, config.limits.message_bytes);
    let at = GrpcDoor {
        name: "grpc",
        address: config.listen,
        tls,
        limits: &config.limits,
    };
    doors::grpc(at, door, &registry, context, &mut started).await?;
    let (page, metrics) = (config.status, config.metrics.as_ref());
    doors::status(page, metrics, &readiness, &registry, context, &mut started).await?;
    part.ready();
    Ok(started)
}

/// Drops what is too old while the process runs, and ends the streams of those who
/// follow when it stops.
pub(crate) fn tend(cache: &Arc<Cache>, context: &ServeContext) {
    cache.local().end_with(context);
    sweep(cache.local().store(), context);
}

/// Drops what is too old while the process runs.
pub(crate) fn sweep(store: &Arc<Store>, context: &ServeContext) {
    let store = Arc::clone(store);
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let mut turn = tokio::time::interval(SWEEP);
        let sweeping = async {
            loop {
                turn.tick().await;
                store.sweep(unix_nanos());
            }
        };
        stop.run_until_cancelled(sweeping).await;
    });
}

/// A node's figures under the peers' names.
pub(crate) fn collect(registry: &Registry, cache: &Arc<Cache>) {
    let cache = Arc::clone(cache);
    let since = tokio::time::Instant::now();
    registry.collect(move |snapshot| {
        let local = cache.local();
        let (malformed, egress) = local.counts();
        LogCacheFigures {
            store: local.store().stats(),
            limit: local.store().limits().bytes,
            egress,
            malformed,
            uptime: since.elapsed(),
            now: unix_nanos(),
        }
        .report(snapshot);
    });
}

/// Starts a gateway. Its doors are bound when this returns: `http`, and `metrics` and
/// `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an address that cannot be read or bound, or an
/// open door beyond loopback.
pub async fn start_gateway(
    config: LogCacheGatewayConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let registry = Registry::new();
    let https = config.https.as_ref().map(|files| gateway::Https {
        files,
        suites: &[],
        alpn: Alpn::HttpAll,
    });
    let (authorizer, https) =
        gateway::guard(&config.auth, config.listen, https, &registry, context)?;
    let files = (!config.plaintext).then_some(&config.log_cache_tls);
    let name = &config.log_cache_name;
    let dialer = cluster::dialer("the log cache gateway", files, name, context)?;
    let address = std::slice::from_ref(&config.log_cache);
    let mut targets = doors::targets("log_cache_gateway.log_cache", address)?;
    let target = targets.remove(0);
    let node = Arc::new(Node::new(
        &config.log_cache,
        target,
        dialer,
        Resolver::new(),
    ));
    keep_up(&node, &readiness, context);
    let guard = Guard {
        authorizer,
        stream: config.stream.clone(),
        whole_door: true,
        stop: context.shutdown.stop.clone(),
    };
    let engine = Engine::new(&config.promql, &registry);
    let upstream = Upstream::Node(RemoteNode::new(node, engine));
    let api = Api::new(upstream, guard, &registry);
    let (page, metrics) = (config.status, config.metrics.as_ref());
    doors::status(page, metrics, &readiness, &registry, context, &mut started).await?;
    let front = Front::new(None, None, AccessLog::Tracing).with_log_cache(api);
    let settings = Front::http_settings();
    let at = config.listen;
    doors::http("http", at, https, settings, front, context, &mut started).await?;
    Ok(started)
}

/// Keeps the connection to the node open; the gateway is ready while it is there.
fn keep_up(node: &Arc<Node>, readiness: &Readiness, context: &ServeContext) {
    let node = Arc::clone(node);
    let part = readiness.part("log-cache");
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let changed = || match node.trouble() {
            None => part.ready(),
            Some(reason) => part.not_ready(reason),
        };
        // Streams that are open keep their connection when this ends.
        stop.run_until_cancelled(node.keep_up(changed)).await;
    });
}
