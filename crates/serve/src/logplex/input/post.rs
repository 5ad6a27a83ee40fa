//! `POST /logs`. An error is a batch lost: log-shuttle sends nothing again that was answered
//! with any status. So what can be kept is kept and what is wrong is counted, unless the
//! settings ask for Logplex's own strictness.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;
use logweir_net::body::{self as bodies, Body};
use logweir_wire::logplex::{
    framing::{Item, Items},
    hops,
};
use tokio::time::Instant;

use super::{
    Count, Intake,
    auth::{self, Refused},
    body::{self, Failure},
    dedupe::BatchId,
    intake::Writer,
    tcp::oversize,
};
use crate::logplex::Logplex;

const TYPES: [&str; 2] = ["application/logplex-1", "application/x-logplex-1"];
const MISMATCH: &str = "Message count mismatch";
const ROUND: &str = "Messages go round";
const MALFORMED: &str = "Malformed log messages";
const ENDING: &str = "This node ends; send again";
const BAD_REQUEST: &str = "Bad request";
const NO_CHANNEL: &str = "Credential not permitted to write to any channel.";
const REALM: HeaderValue = HeaderValue::from_static("Basic realm=Logplex");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// Answers a request for `/logs`.
pub(crate) async fn answer(logplex: &Arc<Logplex>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if logplex.book.registry().rods().deny_logs_ingress {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    if head.method != Method::POST {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        let post = HeaderValue::from_static("POST");
        response.headers_mut().insert(header::ALLOW, post);
        return response;
    }
    let writer = match auth::writer(logplex, &head.headers).await {
        Ok(writer) => writer,
        Err(Refused::Unknown) => {
            let mut response = empty(StatusCode::UNAUTHORIZED);
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, REALM);
            return response;
        }
        Err(Refused::NoChannel) => return told(StatusCode::FORBIDDEN, NO_CHANNEL),
    };
    if !is_logplex(&head.headers) {
        return empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    if !admits_text(&head.headers) {
        return empty(StatusCode::NOT_ACCEPTABLE);
    }
    match take(logplex, &head.headers, writer, body).await {
        Ok(()) => {
            let mut response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
            response
        }
        Err(refusal) => {
            logplex.input.counts().add(Count::BatchesFailed, 1);
            refusal
        }
    }
}

/// Reads a batch and publishes it.
async fn take(
    logplex: &Logplex,
    headers: &HeaderMap,
    writer: Writer,
    body: Body,
) -> Result<(), Response<Body>> {
    let limit = logplex.config.body_bytes;
    let mut body = body::read(body, limit).await.map_err(failed)?;
    let gzip = HeaderValue::from_static("gzip");
    if headers.get(header::CONTENT_ENCODING) == Some(&gzip) {
        body = body::gunzip(body, limit).await.map_err(failed)?;
    }
    // Queues end once what has begun is over; what begins later would be lost in them.
    let _begun = logplex.begun.token();
    if logplex.begun.is_closed() {
        return Err(told(StatusCode::SERVICE_UNAVAILABLE, ENDING));
    }
    let input = &logplex.input;
    let strict = logplex.config.strict;
    let batch = Batch::of(&body, strict);
    let announced = headers.get("logplex-msg-count").map(number);
    let mismatch = announced.is_some_and(|count| count != Some(batch.messages));
    if mismatch {
        input.counts().add(Count::Mismatches, 1);
    }
    if strict || batch.messages == 0 {
        if batch.junk > 0 {
            return Err(told(StatusCode::BAD_REQUEST, MALFORMED));
        }
        if mismatch {
            return Err(told(StatusCode::BAD_REQUEST, MISMATCH));
        }
    }
    let hops = headers.get(hops::HEADER).and_then(number).unwrap_or(0);
    let hops = u8::try_from(hops).unwrap_or(u8::MAX);
    if hops > hops::MOST {
        return Err(told(StatusCode::BAD_REQUEST, ROUND));
    }
    let counts = input.counts();
    let sender = match &writer {
        Writer::Token(token) => Arc::clone(&token.id),
        Writer::Cred(cred) => Arc::clone(&cred.id),
        Writer::Anyone => "".into(),
    };
    if let Some(id) = BatchId::of(headers)
        && !input.dedupe.is_new(&sender, &id, Instant::now())
    {
        counts.add(Count::BatchesRepeated, 1);
        return Ok(());
    }
    counts.add(Count::Batches, 1);
    for (name, count) in [
        ("logplex-drop-count", Count::DroppedBefore),
        ("logplex-lost-count", Count::LostBefore),
    ] {
        let said = headers.get(name).and_then(number);
        counts.add(count, said.unwrap_or_default());
    }
    let mut intake = Intake::new(input, writer);
    intake.gone(hops);
    let drain = headers.get("logplex-drain-token");
    if let Some(drain) = drain.and_then(|token| token.to_str().ok())
        && let Some(drain) = logplex.book.registry().drain_of_token(drain)
    {
        intake.sent_by(drain);
    }
    publish(&body, strict, &mut intake);
    Ok(())
}

/// What is in a body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    messages: u64,
    /// Pieces that are no frame. Newlines between frames are, if the settings are strict.
    junk: u64,
}

impl Batch {
    fn of(body: &[u8], strict: bool) -> Self {
        let mut batch = Self::default();
        for item in Items::of(body, oversize(strict)) {
            match item {
                Item::Message(_) | Item::Cut(_) => batch.messages += 1,
                Item::Junk(junk) => batch.junk += u64::from(strict || !junk.is_empty()),
            }
        }
        batch
    }
}

fn publish(body: &[u8], strict: bool, intake: &mut Intake) {
    let mut items = Items::of(body, oversize(strict));
    for item in &mut items {
        match item {
            Item::Message(message) => intake.take(message),
            Item::Cut(message) => {
                intake.count(Count::Cut);
                intake.take(message);
            }
            Item::Junk([]) => {}
            Item::Junk(_) => intake.junk(),
        }
    }
    if !items.rest().is_empty() {
        intake.count(Count::Incomplete);
    }
}

/// A decimal number and nothing else.
fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Whether the content type is Logplex's, with any parameters.
fn is_logplex(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let kind = value.and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next();
    let kind = kind.unwrap_or_default().trim();
    TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// Whether a client takes `text/plain`, which every answer is; one that says nothing does.
fn admits_text(headers: &HeaderMap) -> bool {
    let mut said = false;
    for value in headers.get_all(header::ACCEPT) {
        said = true;
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            let fits = ["*/*", "text/*", "text/plain"];
            if !refused && fits.iter().any(|one| kind.eq_ignore_ascii_case(one)) {
                return true;
            }
        }
    }
    !said
}

fn failed(failure: Failure) -> Response<Body> {
    match failure {
        Failure::TooLarge => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is larger than logplex.body_bytes allows.",
        ),
        Failure::Unreadable => told(StatusCode::BAD_REQUEST, BAD_REQUEST),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(bodies::empty());
    *response.status_mut() = status;
    response
}

/// An error whose text is the body and the reason phrase too.
fn told(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(bodies::full(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let reason = ReasonPhrase::from_static(text.as_bytes());
    response.extensions_mut().insert(reason);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, TEXT);
    headers.insert(header::WWW_AUTHENTICATE, REALM);
    response
}

#[cfg(test)]
mod tests;
