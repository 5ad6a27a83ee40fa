//! The service behind Logplex's HTTP doors.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use logweir_net::{
    body::{Body, BoxError},
    listen::HttpSettings,
};
use tower_service::Service;

use super::{Logplex, api, requests::Resource};
use crate::auth::Authorizer;

/// An idle connection is let go after this long.
const IDLE: Duration = Duration::from_secs(75);

/// Which of Logplex's doors a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// 8001: v1, v2 and sessions.
    Legacy,
    /// 8002: v3.
    V3,
    /// 8601: `POST /logs`.
    Input,
    /// The front door of a whole process: all of it.
    Front,
}

/// What answers at one door. Clones are the same.
#[derive(Clone)]
pub struct Pages {
    logplex: Arc<Logplex>,
    door: Door,
    operators: Option<Arc<Authorizer>>,
}

impl Pages {
    /// Of one door. `/api/logplex` is there for whoever the authorizer takes for an operator,
    /// and for the key of the process.
    pub fn new(logplex: Arc<Logplex>, door: Door, operators: Option<Arc<Authorizer>>) -> Self {
        Self {
            logplex,
            door,
            operators,
        }
    }

    /// How connections of such a door are served. Senders write now and then: a connection
    /// that is closed while the next batch is on its way costs that batch a second try.
    pub(crate) fn http_settings() -> HttpSettings {
        HttpSettings {
            header_read_timeout: IDLE,
            ..HttpSettings::http()
        }
    }

    /// Whether a path of the front door is Logplex's.
    pub(crate) fn takes(path: &str) -> bool {
        let below = |root: &str| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        path == "/healthcheck"
            || [
                "/channels",
                "/sessions",
                "/logs",
                "/v2/channels",
                "/v2/sessions",
                "/v2/canary-sessions",
                "/v2/canary-fetch",
                "/v3",
                "/api/logplex",
            ]
            .into_iter()
            .any(below)
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let operators = self.operators.as_deref();
        let (resource, begun) = (Resource::of(request.uri().path()), Instant::now());
        let answer = api::answer(&self.logplex, self.door, operators, request).await;
        let requests = &self.logplex.requests;
        requests.count(resource, answer.status(), begun.elapsed());
        answer
    }
}

impl<B> Service<Request<B>> for Pages
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
        let pages = self.clone();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        Box::pin(async move { Ok(pages.answer(request).await) })
    }
}
