//! Answers of a node in another process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use logweir_net::grpc::ServerStream;
use logweir_proto::{
    cache::{FollowRequest, FollowResponse, SearchRequest, SearchResponse},
    logcache::{MetaRequest, ReadRequest, ReadResponse},
    service,
};
use prost::Message;
use tonic::Status;

use super::{
    Engine, LOST_NODES, Meta, Sources,
    cluster::{Node, none},
};
use crate::gateway::BatchStream;

/// How long an answer may take; the node may have to ask another one for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node in another process, ours or a peer's.
#[derive(Clone)]
pub struct RemoteNode {
    node: Arc<Node>,
    engine: Engine,
}

impl RemoteNode {
    /// A node, and what evaluates queries over its data.
    pub(crate) fn new(node: Arc<Node>, engine: Engine) -> Self {
        Self { node, engine }
    }

    /// What evaluates queries.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The node itself.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// See [`Cache::read`](super::Cache::read).
    pub(super) async fn read(&self, request: &ReadRequest) -> Result<ReadResponse, Status> {
        Ok(self.ask(service::CACHE_READ, request).await?.0)
    }

    /// See [`Cache::search`](super::Cache::search).
    pub(super) async fn search(&self, request: &SearchRequest) -> Result<SearchResponse, Status> {
        Ok(self.ask(service::CACHE_SEARCH, request).await?.0)
    }

    /// See [`Cache::meta`](super::Cache::meta).
    pub(super) async fn meta(&self, local_only: bool) -> Result<Meta, Status> {
        let request = MetaRequest { local_only };
        let (path, request) = (service::CACHE_META, request.encode_to_vec());
        let answer = self.node.ask(path, &request, HeaderMap::new(), PATIENCE);
        let (sources, headers) = answer.await?;
        let sources = Sources::of_answer(sources).map_err(|error| none(&error))?;
        let lost = headers.get(LOST_NODES).and_then(|lost| lost.to_str().ok());
        let lost = lost.into_iter().flat_map(|lost| lost.split(','));
        Ok(Meta {
            sources,
            lost: lost.map(str::to_owned).collect(),
        })
    }

    /// See [`Cache::follow`](super::Cache::follow).
    pub(super) async fn follow(&self, request: &FollowRequest) -> Result<BatchStream, Status> {
        let (path, request) = (service::CACHE_FOLLOW, request.encode_to_vec());
        let messages = self.node.stream(path, request.into(), HeaderMap::new());
        Ok(batches(messages.await?))
    }

    async fn ask<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
    ) -> Result<(A, HeaderMap), Status> {
        let request = request.encode_to_vec();
        let answer = self.node.ask(path, &request, HeaderMap::new(), PATIENCE);
        let (answer, headers) = answer.await?;
        Ok((decoded(answer)?, headers))
    }
}

/// The batches of `Reader/Follow`.
pub(super) fn batches(messages: ServerStream) -> BatchStream {
    let batches = stream::unfold(messages, |mut messages| async move {
        let message = messages.next().await.transpose()?;
        let batch = message.and_then(decoded::<FollowResponse>);
        Some((batch.map(|batch| batch.envelopes), messages))
    });
    batches.boxed()
}

fn decoded<M: Message + Default>(answer: Bytes) -> Result<M, Status> {
    M::decode(answer).map_err(|error| none(&error))
}
