//! What other nodes ask of this one, over gRPC: to take lines, and to read channels.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
};
use logweir_proto::{
    frames::frames,
    logcache::{SendRequest, SendResponse},
    service,
};
use logweir_route::Exchange;
use prost::Message;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tower_service::Service;

use super::members::Members;
use crate::{
    log_cache::{self, Cache, MESSAGE_BYTES, cluster::Cluster},
    metrics::{Counter, Registry},
};

/// The services of a node. Clones are the same.
#[derive(Clone)]
pub(super) struct NodeDoor(Arc<Inner>);

struct Inner {
    cache: Arc<Cache>,
    cluster: Arc<Cluster>,
    exchange: Arc<Exchange>,
    members: Members,
    taken: Counter,
    begun: TaskTracker,
}

impl NodeDoor {
    pub(super) fn new(
        cache: &Arc<Cache>,
        cluster: &Arc<Cluster>,
        exchange: &Arc<Exchange>,
        members: Members,
        registry: &Registry,
        begun: &TaskTracker,
    ) -> Self {
        let help = "Lines that other nodes handed on to this one.";
        Self(Arc::new(Inner {
            cache: Arc::clone(cache),
            cluster: Arc::clone(cluster),
            exchange: Arc::clone(exchange),
            members,
            begun: begun.clone(),
            taken: registry.counter("logweir_logplex_from_nodes", help, &[]),
        }))
    }
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path == service::CACHE_SEND {
            let taken = self.take(request).await;
            return taken.unwrap_or_else(grpc::status_response);
        }
        let answered = log_cache::answer(&self.cache, MESSAGE_BYTES, &path, request).await;
        answered.unwrap_or_else(|| {
            let unknown = Status::unimplemented(format!("unknown method {path}"));
            grpc::status_response(unknown)
        })
    }

    async fn take(&self, request: Request<Incoming>) -> Result<Response<Body>, Status> {
        let mut messages = Messages::new(request.into_body(), MESSAGE_BYTES);
        let message = messages.next().await?;
        let message =
            message.ok_or_else(|| Status::internal("the call needs a request message"))?;
        let request = SendRequest::decode(message)
            .map_err(|error| Status::internal(format!("no request to send: {error}")))?;
        let batch = request.envelopes;
        // Queues end once what has begun is over; what begins later would be lost in them.
        let _begun = self.begun.token();
        if self.begun.is_closed() {
            return Err(grpc::not_begun("this node ends"));
        }
        // The other node knows a list that is older than ours, or newer. With the list of this
        // moment its lines go on, at most once more; without one they stay here rather than
        // going round.
        let ours = self.cluster.keeps(&batch) || !self.members.look().await;
        self.taken.add(frames(&batch).flatten().count() as u64);
        let mut publisher = self.exchange.publisher();
        match ours {
            true => {
                publisher.publish(&batch);
            }
            false => self.cluster.spread(&batch, &mut |own| {
                publisher.publish(own);
            }),
        }
        Ok(grpc::ok_unary(SendResponse {}.encode_to_vec()))
    }
}

impl Service<Request<Incoming>> for NodeDoor {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}
