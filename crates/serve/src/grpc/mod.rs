//! The gRPC doors: which method of which service is answered by what.

mod egress;
mod ingress;
mod pace;
mod pusher;
mod reader;
mod recent;
mod v1_readers;

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
pub use v1_readers::V1Readers;

use crate::{
    log_cache::{self, Cache},
    recents::Recents,
};

/// What one gRPC door answers. A service that is absent is unknown to the door.
#[derive(Clone)]
pub struct Door(Arc<Services>);

struct Services {
    ingress: Option<Ingress>,
    egress: Option<Arc<Readers>>,
    doppler: Option<Doppler>,
    /// With the largest message that it takes.
    cache: Option<(Arc<Cache>, usize)>,
}

/// The Doppler service of V1.
pub struct Doppler {
    /// Who reads streams.
    pub readers: Arc<V1Readers>,
    /// What `RecentLogs` and `ContainerMetrics` are answered from. Without it they are
    /// unknown, as at the originals of today.
    pub recents: Option<Recents>,
}

impl Door {
    /// A door for producers, for readers, or for both.
    pub fn new(ingress: Option<Ingress>, egress: Option<Arc<Readers>>) -> Self {
        Self::of_both(ingress, egress, None)
    }

    /// The same with V1 readers. V1 producers come with an `ingress` that takes them.
    pub fn of_both(
        ingress: Option<Ingress>,
        egress: Option<Arc<Readers>>,
        doppler: Option<Doppler>,
    ) -> Self {
        Self(Arc::new(Services {
            ingress,
            egress,
            doppler,
            cache: None,
        }))
    }

    /// The same door with the services of a log cache, which takes messages of so many
    /// bytes. To be called before it is open.
    pub(crate) fn with_cache(self, cache: Arc<Cache>, message_bytes: usize) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(services) => Self(Arc::new(Services {
                cache: Some((cache, message_bytes)),
                ..services
            })),
            Err(shared) => Self(shared),
        }
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
            (path, ..) if path.starts_with("/log") => self.answer_cache(path, request).await,
            _ => self.answer_v1(&path, request).await,
        }
    }

    async fn answer_cache(&self, path: &str, request: Request<Incoming>) -> Response<Body> {
        let answered = match &self.cache {
            Some((cache, most)) => log_cache::answer(cache, *most, path, request).await,
            None => None,
        };
        answered.unwrap_or_else(|| grpc::status_response(self.unknown(path)))
    }

    async fn answer_v1(&self, path: &str, request: Request<Incoming>) -> Response<Body> {
        if let (service::PUSHER, Some(ingress)) = (path, &self.ingress)
            && let Some(exchange) = &ingress.v1
        {
            return ingress.pusher(exchange, request).await;
        }
        let Some(Doppler { readers, recents }) = &self.doppler else {
            return grpc::status_response(self.unknown(path));
        };
        match (path, recents) {
            (service::SUBSCRIBE, _) => readers.single(request).await,
            (service::BATCH_SUBSCRIBE, _) => readers.batched(request).await,
            (service::RECENT_LOGS, Some(recents)) => recent::logs(recents, request).await,
            (service::CONTAINER_METRICS, Some(recents)) => {
                recent::container_metrics(recents, request).await
            }
            _ => grpc::status_response(self.unknown(path)),
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
            "plumbing.DopplerIngestor" => self.ingress.as_ref().is_some_and(|own| own.v1.is_some()),
            "plumbing.Doppler" => self.doppler.is_some(),
            "logcache.v1.Ingress"
            | "logcache.v1.Egress"
            | "logcache.v1.PromQLQuerier"
            | "logweir.cache.v1.Reader" => self.cache.is_some(),
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
