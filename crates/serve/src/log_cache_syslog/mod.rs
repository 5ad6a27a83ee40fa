//! The syslog server of a log cache: RFC 5424 over TCP or TLS, by the rules of its peer,
//! to a node (spec log-cache §6).

mod config;
mod counts;
mod stream;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use logweir_net::{
    listen::{self, ConnectionStats, StreamSettings},
    resolve::Resolver,
};
use logweir_route::{Exchange, SubscribeRequest};
use tokio_util::task::TaskTracker;

pub use config::LogCacheSyslogConfig;

use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    grpc::Sink,
    log_cache::cluster::{self, Node, Sender},
    metrics::{HopFigures, Registry},
    outlet::Outlet,
    router::{end_with, exchange_limits},
    syslog_in::{
        self,
        connection::{Connection, Stream},
    },
};
use counts::Counts;
use stream::Messages;

/// A client gets this long for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Starts a syslog server. Its doors are bound when this returns: `syslog`, and `metrics`
/// and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, the node's address that cannot be read, or an
/// address that cannot be bound.
pub async fn start(
    config: LogCacheSyslogConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("syslog");
    let registry = Registry::new();
    let tls = config.tls.as_ref();
    let tls = tls.map(|tls| syslog_in::load("the syslog door", tls, context));
    let tls = tls.transpose()?;
    let to = to_node(&config, &readiness, context, &mut started)?;
    let (metrics, page) = (config.metrics.clone(), config.status);

    let name = "syslog";
    let listener = listen::bind(config.listen)
        .await
        .map_err(|source| StartError::Bind { door: name, source })?;
    started.door(name, listener.local_addr().unwrap_or(config.listen));
    let stats = ConnectionStats::default();
    doors::report(&registry, name, stats.clone());
    let settings = StreamSettings {
        max_connections: config.connections,
        handshake_timeout: HANDSHAKE,
    };
    let (clients, counts) = (TaskTracker::new(), Arc::new(Counts::default()));
    let serve = {
        let (feeder, config) = (Arc::new(to.sender.feeder()), Arc::new(config));
        let (open, stop) = (clients.clone(), context.shutdown.stop.clone());
        let counts = Arc::clone(&counts);
        move |transport, peer: listen::Peer| {
            let outlet = Outlet::new(Box::new(feeder.another()));
            let messages = Messages::new(&config, peer.addr, outlet, Arc::clone(&counts));
            let connection = Connection::new(transport, peer.addr, messages, config.idle_timeout);
            let stop = stop.clone();
            open.track_future(async move { connection.read(&stop).await })
        }
    };
    let shutdown = context.shutdown.clone();
    let accepting = listen::serve_streams(listener, tls, settings, stats, serve, shutdown);
    context.shutdown.tracker.spawn(accepting);
    end_with(&to.exchange, &[clients], context);
    show(&registry, counts, to);
    let metrics = metrics.as_ref();
    doors::status(page, metrics, &readiness, &registry, context, &mut started).await?;
    part.ready();
    Ok(started)
}

/// The way to the node.
struct ToNode {
    exchange: Arc<Exchange>,
    sender: Sender,
}

fn to_node(
    config: &LogCacheSyslogConfig,
    readiness: &Readiness,
    context: &ServeContext,
    started: &mut Started,
) -> Result<ToNode, StartError> {
    let part = "the log cache's syslog server";
    let files = (!config.plaintext).then_some(&config.log_cache_tls);
    let dialer = cluster::dialer(part, files, &config.log_cache_name, context)?;
    let names = std::slice::from_ref(&config.log_cache);
    let mut targets = doors::targets("log_cache_syslog_server.log_cache", names)?;
    let target = targets.remove(0);
    let exchange = Exchange::new(exchange_limits(
        &config.queue,
        usize::MAX,
        config.message_bytes.saturating_mul(2),
    ));
    started.hop("log cache syslog server", &exchange);
    // Filled past the index: every envelope goes to the node.
    let queue = exchange.subscribe(SubscribeRequest::default());
    let node = Arc::new(Node::new(
        &config.log_cache,
        target,
        dialer,
        Resolver::new(),
    ));
    let (dialled, remarks) = (Arc::clone(&node), readiness.clone());
    let abort = context.shutdown.abort.clone();
    // Not tracked: it would hold up an end that has nothing more to send.
    tokio::spawn(async move {
        let changed = || {
            let trouble = dialled.trouble();
            let remark = trouble.map(|reason| format!("{}: {reason}", dialled.name()));
            remarks.remark("log cache node", remark);
        };
        abort.run_until_cancelled(dialled.keep_up(changed)).await;
    });
    // The node finds the owner.
    let leftover = Box::new(|_| {});
    let sender = Sender::start(node, queue, false, leftover, &context.shutdown);
    Ok(ToNode { exchange, sender })
}

/// The figures under the peers' names (spec log-cache §8.5).
fn show(registry: &Registry, counts: Arc<Counts>, to: ToNode) {
    registry.collect(move |snapshot| {
        let mut count = |name, help, value| snapshot.counter(name, help, &[], value);
        let (taken, sent) = (counts.ingress(), to.sender.figures().sent());
        count("ingress", "Messages that became envelopes.", taken);
        let help = "Messages that did not, and broken streams of messages.";
        count("invalid_ingress", help, counts.invalid());
        count("nozzle_ingress", "Envelopes for the node.", taken);
        count("nozzle_egress", "Envelopes that the node took.", sent);
        let failed = to.sender.figures().failed();
        count("nozzle_err", "Batches that failed.", failed);
        HopFigures::report_exchange(&to.exchange, snapshot);
    });
}

/// What all the bytes of one connection become, and the invalid messages in them, by the
/// code that serves connections.
pub fn envelopes_of(connection: &[u8], config: &LogCacheSyslogConfig) -> (Vec<Bytes>, u64) {
    struct Collect(Arc<Mutex<Vec<Bytes>>>);
    impl Sink for Collect {
        fn accept(&mut self, batch: Bytes) {
            let frames = logweir_proto::frames::frames(&batch).flatten();
            let envelopes = frames.map(|frame| Bytes::copy_from_slice(frame.envelope));
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(envelopes);
        }
    }
    let (all, counts) = (Arc::default(), Arc::new(Counts::default()));
    let outlet = Outlet::new(Box::new(Collect(Arc::clone(&all))));
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut messages = Messages::new(config, from, outlet, Arc::clone(&counts));
    messages.take(connection);
    messages.finish();
    let all = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
    (all, counts.invalid())
}
