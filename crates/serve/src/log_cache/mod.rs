//! The log cache: everything recent, per source, for those who ask.
//!
//! [`Cache`] is what a node answers from: its own store, and in a cluster the other
//! nodes. `service` is its gRPC side, `api` its HTTP side.

mod api;
pub mod cluster;
mod config;
mod expression;
mod follow;
mod local;
mod persist;
mod promql;
mod question;
mod remote;
mod service;
mod sources;
mod start;

pub use api::{Api, Guard, Upstream};
pub use config::{LogCacheConfig, LogCacheGatewayConfig, MaxAgeOf, StoreConfig};
pub use local::{Kept, Local};
pub(crate) use persist::Saving;
pub use promql::{Engine, PromqlConfig};
pub use remote::RemoteNode;
pub(crate) use service::answer;
pub use sources::Sources;
pub(crate) use start::{collect, sweep, tend};
pub use start::{start, start_gateway};

use std::sync::Arc;

use bytes::Bytes;
use logweir_proto::{
    cache::{FollowRequest, SearchRequest, SearchResponse},
    logcache::{ReadRequest, ReadResponse, SendRequest},
};
use tonic::Status;

use cluster::Cluster;

use crate::{gateway::BatchStream, metrics::Registry};

/// Largest message of the Log Cache services, in bytes: as the peers.
pub(crate) const MESSAGE_BYTES: usize = 50 << 20;

/// Header of an answer that lacks what some nodes have: their addresses, with commas
/// between them.
pub(crate) const LOST_NODES: &str = "logweir-lost-nodes";

/// A log cache: the store of this process, and the nodes that share its work.
pub struct Cache {
    local: Arc<Local>,
    cluster: Option<Arc<Cluster>>,
    engine: Engine,
}

/// What is known of every source.
#[derive(Debug, Default)]
pub struct Meta {
    /// The sources.
    pub sources: Sources,
    /// Nodes that did not answer, so that their sources may lack.
    pub lost: Vec<String>,
}

impl Cache {
    /// A cache of one node.
    pub fn new(local: Arc<Local>) -> Self {
        Self {
            local,
            cluster: None,
            engine: Engine::new(&PromqlConfig::default(), &Registry::new()),
        }
    }

    /// One node of several.
    pub fn of_cluster(local: Arc<Local>, cluster: Arc<Cluster>) -> Self {
        Self {
            cluster: Some(cluster),
            ..Self::new(local)
        }
    }

    /// The same with an engine for queries; without it one with the usual bounds.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// What evaluates queries.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The nodes that share the work.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_deref()
    }

    /// The store of this process.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// Takes envelopes in. What is of other nodes is on its way to them when this
    /// returns; the rest is kept.
    pub fn send(&self, request: &SendRequest) {
        match &self.cluster {
            Some(cluster) if !request.local_only => cluster.keep(&request.envelopes),
            _ => {
                self.local.keep(&request.envelopes);
            }
        }
    }

    /// Envelopes of one source, as the contract has it.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `ResourceExhausted` where the answer
    /// would be too large, `Unavailable` if the node that keeps the source cannot be
    /// reached.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadResponse, Status> {
        match self.elsewhere(&request.source_id) {
            Some(node) => node.read(&request).await,
            None => self.local.read(request).await,
        }
    }

    /// The bytes of what [`Cache::read`] answers.
    ///
    /// # Errors
    /// As of [`Cache::read`].
    async fn read_bytes(&self, request: ReadRequest) -> Result<Bytes, Status> {
        match self.elsewhere(&request.source_id) {
            Some(node) => node.read_bytes(&request).await,
            None => self.local.read_bytes(request).await,
        }
    }

    /// The node that keeps a source; none if it is this one.
    fn elsewhere(&self, source_id: &str) -> Option<Arc<cluster::Node>> {
        self.cluster.as_ref()?.elsewhere(source_id)
    }

    /// A page of one source's envelopes.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `Unavailable` if the node that keeps the
    /// source cannot be reached.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResponse, Status> {
        match self.elsewhere(&request.source_id) {
            Some(node) if !request.local_only => node.search(request).await,
            _ => self.local.search(request).await,
        }
    }

    /// What is remembered of a source and then what comes, as batches.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `ResourceExhausted` past the most streams.
    pub async fn follow(&self, request: FollowRequest) -> Result<BatchStream, Status> {
        match self.elsewhere(&request.source_id) {
            Some(node) if !request.local_only => Ok(remote::batches(node.follow(request).await?)),
            _ => self.local.follow(request).await,
        }
    }

    /// What is known of every source; with `local_only` of those that are kept here. A
    /// source of which several nodes know something, since the list of nodes changed, has
    /// what they know together.
    pub async fn meta(&self, local_only: bool) -> Meta {
        let mut meta = Meta {
            sources: self.local.sources(),
            lost: Vec::new(),
        };
        let Some(cluster) = self.cluster.as_ref().filter(|_| !local_only) else {
            return meta;
        };
        for (node, answer) in cluster.meta().await {
            match answer {
                Ok(theirs) => meta.sources = meta.sources.with(&theirs),
                Err(status) => {
                    let why = status.message();
                    tracing::warn!("failed to read the sources of {node}: {why}");
                    meta.lost.push(node);
                }
            }
        }
        meta
    }
}

/// What a request for `/api/v1/search/SOURCE` asks of a store: for the fuzzer.
#[cfg(fuzzing)]
pub fn question(path: &str, query: &str) -> Result<Option<logweir_cache::Query>, String> {
    let Some(request) = api::search_of(path, query)? else {
        return Ok(None);
    };
    let asked = question::query(request, 0);
    asked
        .map(Some)
        .map_err(|status| status.message().to_owned())
}
