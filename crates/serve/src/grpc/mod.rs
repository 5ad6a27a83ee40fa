//! The gRPC doors: which method of which service is answered by what.

mod egress;
mod ingress;
mod pace;
mod reader;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{body::Body, grpc};
use logweir_proto::service;
use tonic::Status;
use tower_service::Service;

pub use egress::{MAX_MESSAGE_HEADER, Readers, ReadersOptions, Upstream};
pub(crate) use ingress::QUIET;
pub use ingress::{Ingress, Sink};
pub use reader::ReaderStream;
pub(crate) use reader::unix_nanos;

/// What one gRPC door answers. A service that is absent is unknown to the door.
#[derive(Clone)]
pub struct Door(Arc<Services>);

struct Services {
    ingress: Option<Ingress>,
    egress: Option<Arc<Readers>>,
}

impl Door {
    /// A door for producers, for readers, or for both.
    pub fn new(ingress: Option<Ingress>, egress: Option<Arc<Readers>>) -> Self {
        Self(Arc::new(Services { ingress, egress }))
    }
}

impl Services {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match (path.as_str(), &self.ingress, &self.egress) {
            (service::SENDER, Some(ingress), _) => ingress.sender(request).await,
            (service::BATCH_SENDER, Some(ingress), _) => ingress.batch_sender(request).await,
            (service::SEND, Some(ingress), _) => ingress.send(request).await,
            (service::BATCHED_RECEIVER, _, Some(egress)) => egress.batched(request).await,
            (service::RECEIVER, _, Some(egress)) => egress.single(request).await,
            _ => grpc::status_response(self.unknown(&path)),
        }
    }

    /// The texts of a Go server.
    fn unknown(&self, path: &str) -> Status {
        let Some((service, method)) = path.trim_start_matches('/').rsplit_once('/') else {
            return Status::unimplemented(format!("malformed method name: {path:?}"));
        };
        let known = match service {
            "loggregator.v2.Ingress" => self.ingress.is_some(),
            "loggregator.v2.Egress" => self.egress.is_some(),
            _ => false,
        };
        Status::unimplemented(if known {
            format!("unknown method {method} for service {service}")
        } else {
            format!("unknown service {service}")
        })
    }
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let services = Arc::clone(&self.0);
        Box::pin(async move { Ok(services.answer(request).await) })
    }
}
