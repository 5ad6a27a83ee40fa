//! One request for one of the pages.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use logweir_net::body::{self, Body};
use logweir_wire::json;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    Upstream,
    answer::{failed, info, json as json_answer, machine_uptime, note_lost},
    params,
    request::{Route, fields, is_below_root},
};
use crate::{
    auth::Authorizer,
    gateway::{EventFigures, Events, Seats, StreamConfig, streaming},
    log_cache::promql,
    metrics::{Counter, Registry},
};

/// The pages of one door. Clones are the same.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    authorizer: Arc<Authorizer>,
    /// Paths of no page are answered here too.
    whole_door: bool,
    stream: StreamConfig,
    seats: Seats,
    events: EventFigures,
    envelopes: Counter,
    stop: CancellationToken,
}

/// What a door's pages need.
pub struct Guard {
    /// Who may read.
    pub authorizer: Arc<Authorizer>,
    /// How streams of events behave.
    pub stream: StreamConfig,
    /// There is nothing else behind this door.
    pub whole_door: bool,
    /// Ends streams of events, after what has arrived.
    pub stop: CancellationToken,
}

impl Api {
    /// The pages of a door.
    pub fn new(upstream: Upstream, guard: Guard, registry: &Registry) -> Self {
        let help = "Open streams of sources that are followed.";
        let streams = registry.gauge("logweir_log_cache_followers", help, "streams", &[]);
        let help = "Envelopes in answers to reads and searches over HTTP.";
        Self(Arc::new(Inner {
            upstream,
            authorizer: guard.authorizer,
            whole_door: guard.whole_door,
            seats: Seats::new(guard.stream.max_streams, streams),
            stream: guard.stream,
            events: EventFigures::new(registry),
            envelopes: registry.counter("logweir_log_cache_http_envelopes", help, &[]),
            stop: guard.stop,
        }))
    }

    /// Whether a path is answered here.
    pub(crate) fn takes(&self, path: &str) -> bool {
        self.0.whole_door || is_below_root(path) || promql::Page::takes(path)
    }

    /// Answers a request for one of the pages.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (request, body) = request.into_parts();
        if let Some(page) = promql::Page::of(request.uri.path()) {
            let inner = &self.0;
            let (upstream, authorizer) = (&inner.upstream, &inner.authorizer);
            return promql::answer(upstream, authorizer, page, &request, body).await;
        }
        let route = match Route::of(request.uri.path()) {
            Ok(Some(route)) => route,
            Ok(None) => return failed(&Status::not_found("Not Found")),
            Err(reason) => return failed(&Status::invalid_argument(reason)),
        };
        if route == Route::Info {
            return info(machine_uptime());
        }
        if let Some(source) = route.source()
            && !self.may_read(&request.headers, source).await
        {
            return nothing_here();
        }
        let fields = match fields(&request, body).await {
            Ok(fields) => fields,
            Err(status) => return failed(&status),
        };
        let answered = match route {
            Route::Read(source) => self.read(source, fields).await,
            Route::Search(source) => self.search(source, fields).await,
            Route::Follow(source) => self.follow(source, fields, request.version).await,
            Route::Meta | Route::Info => self.meta(&request.headers, fields).await,
        };
        answered.unwrap_or_else(|status| failed(&status))
    }

    async fn may_read(&self, headers: &HeaderMap, source: &str) -> bool {
        let authorization = headers.get(header::AUTHORIZATION);
        let sources = [source];
        let granted = self.0.authorizer.authorize(authorization, &sources);
        granted.await.is_ok()
    }

    async fn read(&self, source: String, fields: Fields) -> Result<Response<Body>, Status> {
        let request = params::read(source, fields).map_err(Status::invalid_argument)?;
        let answer = self.0.upstream.read(request).await?;
        let mut body = Vec::new();
        let written = json::cache_read(&answer.envelopes, &mut body);
        self.0.envelopes.add(written.envelopes as u64);
        Ok(json_answer(StatusCode::OK, body))
    }

    async fn search(&self, source: String, fields: Fields) -> Result<Response<Body>, Status> {
        let request = params::search(source, fields).map_err(Status::invalid_argument)?;
        let answer = self.0.upstream.search(request).await?;
        let mut body = Vec::new();
        let written = json::cache_page(&answer.envelopes, &answer.next, &mut body);
        self.0.envelopes.add(written.envelopes as u64);
        Ok(json_answer(StatusCode::OK, body))
    }

    async fn follow(
        &self,
        source: String,
        fields: Fields,
        version: Version,
    ) -> Result<Response<Body>, Status> {
        let request = params::follow(source, fields).map_err(Status::invalid_argument)?;
        let inner = &self.0;
        let seat = inner.seats.take().ok_or_else(|| {
            let most = inner.stream.max_streams;
            Status::resource_exhausted(format!("{most} sources are followed already"))
        })?;
        let batches = inner.upstream.follow(request).await?;
        let (figures, stop) = (inner.events.clone(), inner.stop.clone());
        let events = Events::new(None, batches, &inner.stream, figures, seat, stop);
        Ok(streaming(events, version))
    }

    async fn meta(&self, headers: &HeaderMap, fields: Fields) -> Result<Response<Body>, Status> {
        let authorization = headers.get(header::AUTHORIZATION);
        let Ok(readable) = self.0.authorizer.readable(authorization).await else {
            return Ok(nothing_here());
        };
        let request = params::meta(fields).map_err(Status::invalid_argument)?;
        let meta = self.0.upstream.meta(request.local_only).await?;
        let sources = meta.sources.iter();
        let sources = sources.filter(|(source, _)| readable.has(source));
        let mut body = Vec::with_capacity(meta.sources.json_bytes());
        json::cache_meta(sources, &mut body);
        let mut response = json_answer(StatusCode::OK, body);
        note_lost(response.headers_mut(), &meta.lost);
        Ok(response)
    }
}

type Fields = Vec<(String, String)>;

/// To those who may not read: nothing is given away, as at the peers' auth proxy.
pub(in crate::log_cache) fn nothing_here() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
