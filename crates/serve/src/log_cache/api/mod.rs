//! The HTTP side of a log cache (spec log-cache §1.4).
//!
//! | request | |
//! |---|---|
//! | `GET /api/v1/read/SOURCE` | envelopes of a source, as the peers answer |
//! | `GET /api/v1/meta` | which sources there are, as the peers answer |
//! | `GET /api/v1/info` | which version answers, as the peers do |
//! | `GET /api/v1/search/SOURCE` | ours: pages by cursor, and search in logs |
//! | `GET /api/v1/follow/SOURCE` | ours: what is there and then what comes, as events |
//!
//! Pages of PromQL are in [`promql`](super::promql).

mod answer;
mod go;
mod handler;
mod params;
mod request;

pub(super) use answer::json;
pub(super) use go::{quoted, unescaped};
pub(super) use handler::nothing_here;
pub use handler::{Api, Guard};
pub(super) use request::{fields, form_fields};

use std::sync::Arc;

use logweir_proto::{
    cache::{FollowRequest, SearchRequest, SearchResponse},
    logcache::{ReadRequest, ReadResponse},
};
use tonic::Status;

use super::{Cache, Engine, Meta, RemoteNode};
use crate::gateway::BatchStream;

/// Where answers come from: this process, or a node in another one.
#[derive(Clone)]
pub enum Upstream {
    /// The cache of this process.
    Here(Arc<Cache>),
    /// A node over gRPC.
    Node(RemoteNode),
}

impl Upstream {
    /// What evaluates queries.
    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Here(cache) => cache.engine(),
            Self::Node(node) => node.engine(),
        }
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadResponse, Status> {
        match self {
            Self::Here(cache) => cache.read(request).await,
            Self::Node(node) => node.read(&request).await,
        }
    }

    async fn search(&self, request: SearchRequest) -> Result<SearchResponse, Status> {
        match self {
            Self::Here(cache) => cache.search(request).await,
            Self::Node(node) => node.search(&request).await,
        }
    }

    async fn meta(&self, local_only: bool) -> Result<Meta, Status> {
        match self {
            Self::Here(cache) => Ok(cache.meta(local_only).await),
            Self::Node(node) => node.meta(local_only).await,
        }
    }

    async fn follow(&self, request: FollowRequest) -> Result<BatchStream, Status> {
        match self {
            Self::Here(cache) => cache.follow(request).await,
            Self::Node(node) => node.follow(&request).await,
        }
    }
}

/// The request behind a path and a query.
#[cfg(fuzzing)]
pub(super) fn search_of(path: &str, query: &str) -> Result<Option<SearchRequest>, String> {
    match request::Route::of(path)? {
        Some(request::Route::Search(source)) => params::search(source, go::form(query)?).map(Some),
        _ => Ok(None),
    }
}
