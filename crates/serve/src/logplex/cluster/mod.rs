//! Several nodes over one Redis: each channel has an owner among them, which gets the
//! channel's lines, remembers them, serves its sessions and runs its drains.
//!
//! | to do this | look at |
//! |---|---|
//! | know who the nodes are | `members` |
//! | know what lives here | [`Owners`] |
//! | take what another node hands on | `door` |
//! | hand lines to their owners | [`Nodes::lines`] |

mod door;
mod members;
mod owners;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use logweir_net::tls::Alpn;
use logweir_route::{Exchange, Publisher};
use tokio_util::task::TaskTracker;

pub use owners::Owners;

use super::{LogplexClusterConfig, LogplexConfig, redis::Redis};
use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    grpc::Sink,
    log_cache::{
        Cache, Local,
        cluster::{self, Cluster},
    },
    metrics::Registry,
    outlet::OpenSink,
};
use door::NodeDoor;
use members::Members;

/// Name of the queues between nodes in ledgers.
const HOP: &str = "logplex nodes";

/// What the rest of Logplex sees of them.
pub(super) struct Nodes {
    /// Makes sinks that hand frames to the owners of their sources.
    pub(super) lines: OpenSink,
    /// Answers for the channels of all nodes.
    pub(super) cache: Arc<Cache>,
    pub(super) owners: Owners,
    /// The queues for the others.
    pub(super) cluster: Option<Arc<Cluster>>,
}

/// What a node of several is started with.
pub(super) struct Plan<'a> {
    pub(super) config: &'a LogplexConfig,
    pub(super) redis: &'a Redis,
    pub(super) exchange: &'a Arc<Exchange>,
    /// What it remembers.
    pub(super) local: Local,
    pub(super) registry: &'a Registry,
    pub(super) readiness: &'a Readiness,
    /// What is being taken in.
    pub(super) begun: &'a TaskTracker,
}

/// Opens the door `logplex_nodes`, and joins the others as soon as Redis can be reached.
///
/// # Errors
/// A certificate that cannot be loaded, or an address that cannot be bound.
pub(super) async fn join(
    plan: Plan<'_>,
    context: &ServeContext,
    started: &mut Started,
) -> Result<Nodes, StartError> {
    let own = &plan.config.cluster;
    let tls = match own.plaintext {
        true => None,
        false => {
            let tls = doors::server_tls("logplex.cluster", &own.tls, &[], Alpn::H2)?;
            context.watch_tls(vec![tls.clone()], Vec::new());
            Some(tls)
        }
    };
    let files = (!own.plaintext).then_some(&own.tls);
    let dialer = cluster::dialer("logplex.cluster", files, &own.server_name, context)?;
    let local = Arc::new(plan.local.publishing(plan.exchange));
    let shown = (plan.registry, plan.readiness);
    let queue = (HOP, &own.queue);
    let cluster = Cluster::elastic(&local, queue, dialer, shown, context, started);
    let cache = Arc::new(Cache::of_cluster(local, Arc::clone(&cluster)));
    let listener = doors::bind("logplex_nodes", own.listen, started).await?;
    let address = started.address("logplex_nodes").unwrap_or(own.listen);
    let name = advertised(own, address)?;
    let owners = Owners::of_cluster(&cluster, &name);
    let members = Members::start(plan.redis, own, name, &owners, plan.readiness, context);
    members.show(plan.registry);
    let begun = plan.begun;
    let door = NodeDoor::new(
        &cache,
        &cluster,
        plan.exchange,
        members,
        plan.registry,
        begun,
    );
    doors::grpc_on(listener, "logplex_nodes", tls, door, plan.registry, context);
    Ok(Nodes {
        lines: lines(Arc::clone(&cluster), Arc::clone(plan.exchange)),
        cache,
        owners,
        cluster: Some(cluster),
    })
}

/// What the others know this node by, and dial.
fn advertised(own: &LogplexClusterConfig, bound: SocketAddr) -> Result<String, StartError> {
    match own.advertise.as_str() {
        "" if bound.ip().is_unspecified() => Err(StartError::Setting(format!(
            "logplex.cluster.listen is {bound}, which is no address that other nodes can dial; \
             say in logplex.cluster.advertise where they reach this one"
        ))),
        "" => Ok(bound.to_string()),
        // A door on a free port tells its port itself.
        name => Ok(match name.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", bound.port()),
            None => name.to_owned(),
        }),
    }
}

fn lines(cluster: Arc<Cluster>, exchange: Arc<Exchange>) -> OpenSink {
    Arc::new(move || {
        Box::new(ToOwners {
            cluster: Arc::clone(&cluster),
            publisher: exchange.publisher(),
        }) as Box<dyn Sink>
    })
}

/// Publishes what this node owns, and queues the rest for the others.
struct ToOwners {
    cluster: Arc<Cluster>,
    publisher: Publisher,
}

impl Sink for ToOwners {
    fn accept(&mut self, batch: Bytes) {
        let publisher = &mut self.publisher;
        self.cluster.spread(&batch, &mut |own| {
            publisher.publish(own);
        });
    }
}
