//! `GET /sessions/ID` and `GET /v2/canary-fetch/ID`. Whoever knows the id may read.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use logweir_net::body::{Body, BoxError};
use logweir_wire::logplex::{LineView, text};

use super::{
    Tails,
    ask::{Ask, AskError},
    history::Remembered,
    live::Live,
    said,
    text::Form,
};
use crate::grpc::unix_nanos;

const WARNING: HeaderName = HeaderName::from_static("x-heroku-warning");
const DISCARDED: HeaderValue =
    HeaderValue::from_static("Warning: log history discarded due to excessive volume.");

/// Lines are what others wrote, in a type that browsers show: nothing of it is run.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Which of the two fetches it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// Of a session.
    Session,
    /// For a check of the whole way: never tails.
    Canary,
}

impl Tails {
    /// Answers with the lines that a session asks for.
    pub(crate) async fn fetch(&self, id: &str, fetch: Fetch, request: &Parts) -> Response<Body> {
        let inner = &self.0;
        let Some(session) = inner.book.session(id).await else {
            return said(StatusCode::NOT_FOUND, "Not found");
        };
        let mut ask = match Ask::read(&session.body) {
            Ok(ask) => ask,
            Err(error) => return refused(&error),
        };
        ask.tail &= fetch == Fetch::Session;
        inner.counts.fetched();
        let form = Form::asked(&request.headers);
        let head = |discarded| Head {
            form,
            version: request.version,
            fetch,
            discarded,
        };
        // Changes from now on are seen.
        let mut live = Live::new(self.clone(), &ask, form);
        let Some(channel) = inner.book.channel(&ask.channel).await else {
            // It may come to be.
            let nothing = head(false);
            return match ask.tail {
                true => nothing.response(live.into_body()),
                false => nothing.response(chunks(Vec::new())),
            };
        };
        let flags = channel.flags;
        let wanted = match flags.no_redis {
            true => 0,
            false => inner.history.fetched(ask.num),
        };
        let tail = ask.tail && !flags.no_tail;
        tracing::debug!(
            channel_id = &*channel.id,
            is_tail = ask.tail,
            num = wanted,
            "at=sessions_start"
        );
        let opened = inner.open(&channel, wanted, tail).await;
        let (remembered, batches) = match opened {
            Ok(opened) => opened,
            Err(unread) => return unread.response(),
        };
        let mut first = history(&ask, &remembered, form);
        if ask.tail && flags.no_tail {
            let mut line = Vec::new();
            text::l20_line(unix_nanos(), &mut line);
            let mut told = Vec::new();
            form.text(&line, &mut told);
            first.push(told.into());
        }
        let body = match tail {
            true => {
                live.begin(Arc::clone(channel.source_id()), &remembered, first, batches);
                live.into_body()
            }
            false => chunks(first),
        };
        head(flags.no_redis).response(body)
    }
}

/// The lines of the history that a session asks for: each a chunk of its own, or those
/// that its filters let through in one.
fn history(ask: &Ask, remembered: &Remembered, form: Form) -> Vec<Bytes> {
    let left_out = ask.num.left_out(remembered.len());
    let lines = remembered.lines().skip(left_out).flatten();
    let mut ends = Vec::new();
    let (mut out, mut scratch) = (Vec::new(), Vec::new());
    for line in lines.filter(|line: &LineView<'_>| ask.filters.pass(line)) {
        form.line(&line, &mut scratch, &mut out);
        ends.push(out.len());
    }
    let all = Bytes::from(out);
    if ask.filters.is_empty() {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let chunks = starts.zip(&ends);
        return chunks.map(|(start, end)| all.slice(start..*end)).collect();
    }
    let over = ends.len().saturating_sub(ask.num.filtered());
    let start = match over {
        0 => 0,
        over => ends[over - 1],
    };
    let shown = all.slice(start..);
    match shown.is_empty() {
        true => Vec::new(),
        false => vec![shown],
    }
}

/// What goes before the lines.
struct Head {
    form: Form,
    version: Version,
    fetch: Fetch,
    /// There is no history to be had.
    discarded: bool,
}

impl Head {
    fn response(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static(self.form.content_type());
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        if self.fetch == Fetch::Canary {
            return response;
        }
        if self.discarded {
            headers.insert(WARNING, DISCARDED);
        }
        // HTTP/2 forbids the header.
        if self.form == Form::Plain && self.version < Version::HTTP_2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A body of these chunks, whose length is not told.
pub(super) fn chunks(chunks: Vec<Bytes>) -> Body {
    let frames = chunks.into_iter().map(|chunk| Ok(Frame::data(chunk)));
    let frames = frames.map(|frame: Result<_, Infallible>| frame);
    let body = StreamBody::new(stream::iter(frames));
    body.map_err(|never| -> BoxError { match never {} })
        .boxed_unsync()
}

fn refused(error: &AskError) -> Response<Body> {
    said(StatusCode::BAD_REQUEST, &error.to_string())
}
