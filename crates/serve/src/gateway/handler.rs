//! One request to `/v2/read`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};
use logweir_net::body::Body;
use tokio_util::sync::CancellationToken;

use super::{
    StreamConfig,
    errors::ReadError,
    events::{EventFigures, Events},
    query::Query,
    seats::Seats,
    upstream::{BatchStream, Upstream},
};
use crate::{
    auth::Authorizer,
    metrics::{Counter, Registry},
};

/// How long a refusal of the upstream may take to be shown as a status instead of a
/// stream that ends at once. A quiet stream sends nothing, so this is all that a
/// reader of one waits for its headers.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(100);

/// Guards `/v2/read` and turns batches into events. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    authorizer: Arc<Authorizer>,
    stream: StreamConfig,
    seats: Seats,
    stop: CancellationToken,
    events: EventFigures,
    registry: Registry,
}

impl Gateway {
    /// Streams of a remote upstream end once `stop` is cancelled and what has arrived is
    /// written; those of this process's exchange when it ends, for it flushes first.
    pub fn new(
        upstream: Upstream,
        authorizer: Arc<Authorizer>,
        stream: StreamConfig,
        registry: &Registry,
        stop: CancellationToken,
    ) -> Self {
        let help = "Open streams of the gateway.";
        let streams = registry.gauge("logweir_gateway_streams", help, "streams", &[]);
        Self(Arc::new(Inner {
            upstream,
            authorizer,
            seats: Seats::new(stream.max_streams, streams),
            stream,
            stop,
            events: EventFigures::new(registry),
            registry: registry.clone(),
        }))
    }

    /// Answers a request whose path is `/v2/read`: authorisation, method, query,
    /// stream, in this order.
    pub async fn read(&self, request: &Parts) -> Response<Body> {
        match self.open(request).await {
            Ok(events) => streaming(events, request.version),
            Err(error) => {
                let (_, _, reason) = error.parts();
                self.refused(reason).add(1);
                error.response()
            }
        }
    }

    async fn open(&self, request: &Parts) -> Result<Events, ReadError> {
        let inner = &self.0;
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let authorization = request.headers.get(header::AUTHORIZATION);
        let granted = inner
            .authorizer
            .authorize(authorization, &query.source_ids())
            .await;
        granted.map_err(|_| ReadError::NotFound)?;
        if request.method != Method::GET {
            return Err(ReadError::MethodNotAllowed);
        }
        let wanted = query.request().map_err(ReadError::Query)?;
        let seat = inner.seats.take().ok_or(ReadError::Unavailable)?;
        let opened = inner.upstream.open(wanted).await;
        let batches = opened.map_err(|status| ReadError::from_upstream(&status))?;
        let (first, batches) = settled(batches).await?;
        let stop = match inner.upstream {
            Upstream::Remote(_) => inner.stop.clone(),
            Upstream::Local(_) => CancellationToken::new(),
        };
        Ok(Events::new(
            first,
            batches,
            &inner.stream,
            inner.events.clone(),
            seat,
            stop,
        ))
    }

    fn refused(&self, reason: &str) -> Counter {
        let help = "Requests that got no stream.";
        self.0
            .registry
            .counter("logweir_gateway_refused", help, &[("error", reason)])
    }
}

/// Waits a moment for a first batch or a refusal.
async fn settled(mut batches: BatchStream) -> Result<(Option<Bytes>, BatchStream), ReadError> {
    match tokio::time::timeout(REFUSAL_PATIENCE, batches.next()).await {
        Ok(Some(Err(status))) => {
            tracing::debug!(%status, "the upstream refused a stream");
            Err(ReadError::from_upstream(&status))
        }
        Ok(Some(Ok(batch))) => Ok((Some(batch), batches)),
        // An upstream that ends at once in good order has nothing to say.
        Ok(None) => Ok((None, futures_util::stream::empty().boxed())),
        Err(_) => Ok((None, batches)),
    }
}

/// The head of a stream of events.
pub(crate) fn streaming(events: Events, version: Version) -> Response<Body> {
    let mut response = Response::new(events.into_body());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if version < Version::HTTP_2 {
        // HTTP/2 forbids the header.
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    response
}
