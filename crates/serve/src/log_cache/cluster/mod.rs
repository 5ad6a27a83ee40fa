//! Several nodes that share the sources: each keeps those that the hash of their ids gives
//! it, and takes questions and envelopes for the others (spec log-cache §3).

mod config;
mod node;
pub mod owner;
mod route;
mod sender;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue};
use logweir_net::{
    dial::{DialSettings, Dialer},
    grpc::ServerStream,
    resolve::{Resolver, Target},
};
use logweir_proto::{
    cache::{FollowRequest, SearchRequest, SearchResponse},
    logcache::{MetaRequest, ReadRequest, ReadResponse},
    service,
};
use logweir_route::{Exchange, Feeder, SubscribeRequest};
use prost::Message;
use tokio_util::{sync::DropGuard, task::TaskTracker};
use tonic::Status;

pub use config::{ClusterConfig, ClusterNodes, SERVER_NAME};
pub(crate) use node::Node;
use owner::Rule;
pub(crate) use sender::Sender;

use super::{Local, Sources};
use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    metrics::{HopFigures, Registry},
    router::{end_with, exchange_limits},
    settings::{QueueConfig, TlsFiles},
};

/// In the metadata of a question that one node hands to another, which then answers it
/// itself: two lists that differ must not send it round in circles.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("logweir-forwarded");

/// A node that has not answered a question after this long is lost to it.
const READ_DEADLINE: Duration = Duration::from_secs(10);
/// The same for what is known of its sources.
const META_DEADLINE: Duration = Duration::from_secs(3);

/// Largest envelope that is handed on, in bytes.
const FRAME: usize = 10 << 20;

/// The nodes of a log cache, this one among them.
pub struct Cluster {
    /// What this one keeps.
    local: Arc<Local>,
    /// The queues towards the others.
    exchange: Arc<Exchange>,
    dialer: Dialer,
    resolver: Resolver,
    view: ArcSwap<View>,
    context: ServeContext,
    readiness: Readiness,
    /// Nodes come and go by themselves.
    elastic: bool,
    /// Envelopes that waited for a node when it left.
    moved: AtomicU64,
}

/// The list as it is now.
struct View {
    nodes: ClusterNodes,
    places: Vec<Place>,
    rule: Rule,
}

/// Where a source is kept.
enum Place {
    Here,
    There(Arc<Peer>),
}

/// Another node, and what is on its way to it.
struct Peer {
    node: Arc<Node>,
    sender: Sender,
    feeder: Feeder,
    /// Ends the task that keeps the connection.
    _connected: DropGuard,
}

impl Cluster {
    /// Connects to the other nodes, and follows the list as the settings change. Without a
    /// list there are no others yet.
    ///
    /// # Errors
    /// A list that makes no sense.
    pub(crate) fn start(
        local: &Arc<Local>,
        config: &ClusterConfig,
        dialer: Dialer,
        (registry, readiness): (&Registry, &Readiness),
        context: &ServeContext,
        started: &mut Started,
    ) -> Result<Arc<Self>, StartError> {
        let hop = "log cache nodes";
        let cluster = Self::new(
            local,
            hop,
            &config.queue,
            dialer,
            readiness,
            context,
            started,
        );
        let cluster = Arc::new(cluster);
        cluster.end_with(&[], context);
        cluster.apply(&config.list()).map_err(StartError::Setting)?;
        cluster.show(registry);
        cluster.follow(context);
        Ok(cluster)
    }

    /// One of nodes that come and go by themselves: their list is what [`Cluster::apply`] gets,
    /// and a source is owned by the rule of rendezvous. `hop` names their queues.
    pub(crate) fn elastic(
        local: &Arc<Local>,
        (hop, queue): (&'static str, &QueueConfig),
        dialer: Dialer,
        (registry, readiness): (&Registry, &Readiness),
        context: &ServeContext,
        started: &mut Started,
    ) -> Arc<Self> {
        let cluster = Self::new(local, hop, queue, dialer, readiness, context, started);
        let cluster = Arc::new(Self {
            elastic: true,
            ..cluster
        });
        cluster.show(registry);
        cluster
    }

    /// Ends the queues when the process stops and these producers are over.
    pub(crate) fn end_with(&self, producers: &[TaskTracker], context: &ServeContext) {
        end_with(&self.exchange, producers, context);
    }

    fn new(
        local: &Arc<Local>,
        hop: &'static str,
        queue: &QueueConfig,
        dialer: Dialer,
        readiness: &Readiness,
        context: &ServeContext,
        started: &mut Started,
    ) -> Self {
        let exchange = Exchange::new(exchange_limits(queue, usize::MAX, FRAME));
        started.hop(hop, &exchange);
        Self {
            local: Arc::clone(local),
            exchange,
            dialer,
            resolver: Resolver::new(),
            view: ArcSwap::from_pointee(View::alone()),
            context: context.clone(),
            readiness: readiness.clone(),
            elastic: false,
            moved: AtomicU64::new(0),
        }
    }

    /// Takes up a changed list. Nodes that stay keep their connections and queues; what was
    /// queued for one that left goes to whoever keeps it now.
    ///
    /// # Errors
    /// A list that makes no sense; the old one stays.
    pub(crate) fn apply(self: &Arc<Self>, nodes: &ClusterNodes) -> Result<(), String> {
        let targets = match nodes.is_alone() {
            true => Vec::new(),
            false => nodes.targets()?,
        };
        let known = self.view.load();
        if known.nodes == *nodes || (known.is_alone() && nodes.is_alone()) {
            return Ok(());
        }
        self.take_up(nodes, targets);
        match nodes.is_alone() {
            true => tracing::info!("log cache nodes: this one alone"),
            false => tracing::info!("log cache nodes: {}", nodes.nodes.join(", ")),
        }
        Ok(())
    }

    fn take_up(self: &Arc<Self>, nodes: &ClusterNodes, targets: Vec<Target>) {
        let old = self.view.load_full();
        let place = |(index, (name, target)): (usize, (&String, Target))| {
            if index == nodes.index {
                return Place::Here;
            }
            let known = old.peers().find(|peer| peer.node.name() == name);
            Place::There(match known {
                Some(peer) => Arc::clone(peer),
                None => Arc::new(self.peer(name, target)),
            })
        };
        let named = nodes.nodes.iter().zip(targets).enumerate();
        let count = u32::try_from(nodes.nodes.len()).unwrap_or(u32::MAX);
        let fresh = Arc::new(match nodes.is_alone() {
            true => View::alone(),
            false => View {
                nodes: nodes.clone(),
                places: named.map(place).collect(),
                rule: match self.elastic {
                    true => Rule::rendezvous(nodes.nodes.iter()),
                    false => Rule::Jump(count),
                },
            },
        });
        self.view.store(Arc::clone(&fresh));
        for peer in old.peers() {
            if !fresh.peers().any(|stays| Arc::ptr_eq(stays, peer)) {
                peer.sender.dismiss();
            }
        }
        self.remark();
    }

    fn peer(self: &Arc<Self>, name: &str, target: Target) -> Peer {
        let (dialer, resolver) = (self.dialer.clone(), self.resolver.clone());
        let node = Arc::new(Node::new(name, target, dialer, resolver));
        let shutdown = &self.context.shutdown;
        // Writes go on after a stop, until the queue is empty.
        let cancel = shutdown.abort.child_token();
        let (until, dialled, cluster) = (cancel.clone(), Arc::clone(&node), Arc::downgrade(self));
        tokio::spawn(async move {
            let changed = || {
                if let Some(cluster) = cluster.upgrade() {
                    cluster.remark();
                }
            };
            until.run_until_cancelled(dialled.keep_up(changed)).await;
        });
        // Filled past the index: every envelope is for this node.
        let queue = self.exchange.subscribe(SubscribeRequest::default());
        let leftover = leftover(self);
        let sender = Sender::start(Arc::clone(&node), queue, true, leftover, shutdown);
        Peer {
            feeder: sender.feeder(),
            node,
            sender,
            _connected: cancel.drop_guard(),
        }
    }

    /// Says which nodes are lost, without being less ready for it.
    fn remark(&self) {
        let view = self.view.load();
        let lost: Vec<_> = view
            .peers()
            .filter_map(|peer| peer.node.trouble().map(|_| peer.node.name()))
            .collect();
        let remark = (!lost.is_empty()).then(|| format!("cannot be reached: {}", lost.join(", ")));
        self.readiness.remark("log cache nodes", remark);
    }

    fn follow(self: &Arc<Self>, context: &ServeContext) {
        let cluster = Arc::clone(self);
        let mut live = context.live.clone();
        let stop = context.shutdown.stop.clone();
        context.shutdown.tracker.spawn(async move {
            let changes = async {
                while live.changed().await.is_ok() {
                    let nodes = live.borrow_and_update().cache_nodes.clone();
                    if let Err(error) = cluster.apply(&nodes) {
                        tracing::error!("the new list of log cache nodes is not taken: {error}");
                    }
                }
            };
            stop.run_until_cancelled(changes).await;
        });
    }

    fn show(self: &Arc<Self>, registry: &Registry) {
        let cluster = Arc::downgrade(self);
        registry.collect(move |to| {
            let Some(cluster) = cluster.upgrade() else {
                return;
            };
            let view = cluster.view.load();
            let mut failures = 0;
            for (index, place) in view.places.iter().enumerate() {
                let Place::There(peer) = place else { continue };
                let (index, stats) = (index.to_string(), peer.sender.stats());
                let figures = peer.sender.figures();
                failures += figures.failed();
                let labels = [("nodeIndex", index.as_str())];
                let help = "Envelopes for another node that were dropped.";
                to.counter("ingress_dropped", help, &labels, stats.dropped_total());
                let labels = [("node", peer.node.name())];
                let help = "Envelopes that another node took.";
                to.counter("logweir_log_cache_node_sent", help, &labels, figures.sent());
                let help = "Whether another node is connected.";
                let up = f64::from(u8::from(peer.node.is_up()));
                to.gauge("logweir_log_cache_node_up", help, "", &labels, up);
            }
            let help = "Envelopes that waited for a node when it left, and went elsewhere.";
            let moved = cluster.moved.load(Ordering::Relaxed);
            to.counter("logweir_log_cache_node_moved", help, &[], moved);
            let help = "Batches for other nodes that failed.";
            let labels = [("sender", "batched_ingress_client")];
            to.counter("log_cache_send_failures", help, &labels, failures);
            HopFigures::report_exchange(&cluster.exchange, to);
        });
    }

    /// The node that keeps a source; none if it is this one.
    pub(crate) fn elsewhere(&self, source_id: &str) -> Option<Arc<Node>> {
        let view = self.view.load();
        match view.places.get(view.index(source_id))? {
            Place::Here => None,
            Place::There(peer) => Some(Arc::clone(&peer.node)),
        }
    }

    /// Every other node.
    pub(crate) fn others(&self) -> Vec<Arc<Node>> {
        let view = self.view.load();
        view.peers().map(|peer| Arc::clone(&peer.node)).collect()
    }

    /// What is known of the sources of every other node, with the node's name.
    pub(crate) async fn meta(&self) -> Vec<(String, Result<Sources, Status>)> {
        let view = self.view.load_full();
        let asked = view.peers().map(|peer| async {
            let request = MetaRequest { local_only: true }.encode_to_vec();
            let (path, headers) = (service::CACHE_META, HeaderMap::new());
            let answer = peer.node.call(path, request.into(), headers, META_DEADLINE);
            let answer = answer
                .await
                .and_then(|bytes| Sources::of_answer(bytes).map_err(|error| none(&error)));
            (peer.node.name().to_owned(), answer)
        });
        join_all(asked).await
    }
}

/// A dialler for nodes whose certificates carry `name`; plain HTTP/2 without `tls`.
///
/// # Errors
/// Certificates that cannot be loaded.
pub(crate) fn dialer(
    part: &'static str,
    tls: Option<&TlsFiles>,
    name: &str,
    context: &ServeContext,
) -> Result<Dialer, StartError> {
    let Some(files) = tls else {
        return Ok(Dialer::new(None, name.to_owned(), DialSettings::default()));
    };
    let client = doors::client_tls(part, files, &[])?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    Ok(doors::dialer(&client, name))
}

/// What goes back into the cluster when a node leaves it.
fn leftover(cluster: &Arc<Cluster>) -> sender::Leftover {
    let cluster: Weak<Cluster> = Arc::downgrade(cluster);
    Box::new(move |frames| {
        if let Some(cluster) = cluster.upgrade() {
            let moved = logweir_proto::frames::frames(&frames).flatten().count();
            cluster.moved.fetch_add(moved as u64, Ordering::Relaxed);
            cluster.keep(&frames);
        }
    })
}

impl View {
    fn alone() -> Self {
        Self {
            nodes: ClusterNodes::default(),
            places: vec![Place::Here],
            rule: Rule::Jump(1),
        }
    }

    fn is_alone(&self) -> bool {
        matches!(self.places[..], [Place::Here])
    }

    fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.places.iter().filter_map(|place| match place {
            Place::Here => None,
            Place::There(peer) => Some(peer),
        })
    }

    /// The place of the node that keeps a source.
    fn index(&self, source_id: &str) -> usize {
        self.rule.place(source_id)
    }
}

impl Node {
    /// Hands a question on to the node that keeps the source.
    ///
    /// # Errors
    /// What the node says; `Unavailable` if it cannot be reached.
    pub(crate) async fn read(&self, request: &ReadRequest) -> Result<ReadResponse, Status> {
        decoded(&self.read_bytes(request).await?)
    }

    /// The same, as the bytes of the answer.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub(crate) async fn read_bytes(&self, request: &ReadRequest) -> Result<Bytes, Status> {
        let headers = [(FORWARDED, HeaderValue::from_static("1"))];
        let headers = headers.into_iter().collect();
        let request = request.encode_to_vec().into();
        let answer = self.call(service::CACHE_READ, request, headers, READ_DEADLINE);
        answer.await
    }

    /// The same for a page of a search.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub(crate) async fn search(&self, request: SearchRequest) -> Result<SearchResponse, Status> {
        let request = SearchRequest {
            local_only: true,
            ..request
        };
        let (path, request) = (service::CACHE_SEARCH, request.encode_to_vec());
        let answer = self.call(path, request.into(), HeaderMap::new(), READ_DEADLINE);
        decoded(&answer.await?)
    }

    /// The same for what is there and what comes.
    ///
    /// # Errors
    /// `Unavailable` if the node cannot be reached.
    pub(crate) async fn follow(&self, request: FollowRequest) -> Result<ServerStream, Status> {
        let request = FollowRequest {
            local_only: true,
            ..request
        };
        let (path, request) = (service::CACHE_FOLLOW, request.encode_to_vec());
        self.stream(path, request.into(), HeaderMap::new()).await
    }
}

fn decoded<M: Message + Default>(bytes: &Bytes) -> Result<M, Status> {
    M::decode(bytes.clone()).map_err(|error| none(&error))
}

/// An answer that cannot be read.
pub(super) fn none(error: &prost::DecodeError) -> Status {
    Status::internal(format!("a log cache node answered what is none: {error}"))
}
