//! The service behind an HTTP door.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use logweir_net::{
    body::{Body, BoxError},
    listen::{HttpSettings, Peer},
};
use tower_service::Service;

use super::{
    access_log::{AccessLog, Entry, Noted, shown},
    answer::{method_not_allowed, moved, not_found},
    figures::FigurePages,
    path::clean,
    request_id::{REQUEST_ID, request_id},
    status::StatusPages,
};
use crate::{
    drains::DrainsApi, gateway::Gateway, log_cache::Api, logplex,
    traffic_controller::TrafficController,
};

/// A client that stalls in the middle of a request's header is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything one HTTP door serves. A role's status page, the gateway's own door and
/// the front door of a whole process differ only in what they have here.
#[derive(Clone)]
pub struct Front(Arc<Pages>);

#[derive(Clone)]
struct Pages {
    gateway: Option<Gateway>,
    traffic_controller: Option<TrafficController>,
    drains: Option<DrainsApi>,
    log_cache: Option<Api>,
    logplex: Option<logplex::Pages>,
    status: Option<StatusPages>,
    figures: Option<FigurePages>,
    access_log: AccessLog,
}

impl Front {
    /// A door with these pages; any other path is not found.
    pub fn new(
        gateway: Option<Gateway>,
        status: Option<StatusPages>,
        access_log: AccessLog,
    ) -> Self {
        Self(Arc::new(Pages {
            gateway,
            traffic_controller: None,
            drains: None,
            log_cache: None,
            logplex: None,
            figures: None,
            status,
            access_log,
        }))
    }

    /// The same door with a traffic controller's paths.
    pub fn with_traffic_controller(self, traffic_controller: TrafficController) -> Self {
        let mut pages = Arc::unwrap_or_clone(self.0);
        pages.traffic_controller = Some(traffic_controller);
        Self(Arc::new(pages))
    }

    /// The same door with the pages of drains.
    pub fn with_drains(self, drains: DrainsApi) -> Self {
        let mut pages = Arc::unwrap_or_clone(self.0);
        pages.drains = Some(drains);
        Self(Arc::new(pages))
    }

    /// The same door with the pages of a log cache.
    pub fn with_log_cache(self, api: Api) -> Self {
        let mut pages = Arc::unwrap_or_clone(self.0);
        pages.log_cache = Some(api);
        Self(Arc::new(pages))
    }

    /// The same door with Logplex's pages.
    pub fn with_logplex(self, logplex: logplex::Pages) -> Self {
        let mut pages = Arc::unwrap_or_clone(self.0);
        pages.logplex = Some(logplex);
        Self(Arc::new(pages))
    }

    /// The same door with single figures, for whoever may see its metrics.
    pub fn with_figures(self, figures: FigurePages) -> Self {
        let mut pages = Arc::unwrap_or_clone(self.0);
        pages.figures = Some(figures);
        Self(Arc::new(pages))
    }

    /// How connections of such a door are served: a request's header must come within
    /// 2 s, as at the peers' gateway.
    pub fn http_settings() -> HttpSettings {
        HttpSettings {
            header_read_timeout: HEADER_TIMEOUT,
            ..HttpSettings::http()
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let start = SystemTime::now();
        let id = request_id(request.headers());
        let mut entry = Entry {
            id: id.to_str().unwrap_or_default().to_owned(),
            host: request
                .extensions()
                .get::<Peer>()
                .map(|peer| peer.addr.ip()),
            start,
            uri: shown(request.uri()),
            method: request.method().clone(),
            version: request.version(),
            status: StatusCode::OK,
            bytes: 0,
        };
        let mut response = self.route(request).await;
        entry.status = response.status();
        response.headers_mut().insert(REQUEST_ID, id);
        let log = self.0.access_log.clone();
        response.map(|body| Noted::new(body, log, entry).boxed_unsync())
    }

    async fn route(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let cleaned = clean(path);
        let strange = !path.starts_with('/') || request.method() == Method::CONNECT;
        if strange || cleaned != path {
            // No request stays out of the security log for how its path is written.
            if let Some(traffic_controller) = &self.0.traffic_controller {
                traffic_controller.note(&request);
            }
            return match strange {
                true => not_found(),
                false => moved(&cleaned, request.uri()),
            };
        }
        if let (Some(gateway), "/v2/read") = (&self.0.gateway, path) {
            return gateway.read(&request.into_parts().0).await;
        }
        if let Some(drains) = &self.0.drains
            && DrainsApi::is(path)
        {
            return drains.answer(request).await;
        }
        if let Some(log_cache) = &self.0.log_cache
            && log_cache.takes(path)
        {
            return log_cache.answer(request).await;
        }
        if let Some(logplex) = &self.0.logplex
            && logplex::Pages::takes(path)
        {
            return logplex.answer(request).await;
        }
        let request = match &self.0.traffic_controller {
            Some(traffic_controller) => match traffic_controller.answer(request).await {
                Ok(response) => return response,
                Err(request) => request,
            },
            None => request,
        };
        let Some(status) = &self.0.status else {
            return not_found();
        };
        let request = request.into_parts().0;
        if let Some(figures) = &self.0.figures
            && FigurePages::takes(request.uri.path())
        {
            return match status.closed_to(&request).await {
                Some(refused) => refused,
                None if request.method != Method::GET => method_not_allowed(),
                None => figures.answer(request.uri.path()),
            };
        }
        let answered = status.answer(&request).await;
        answered.unwrap_or_else(not_found)
    }
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let front = self.clone();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}
