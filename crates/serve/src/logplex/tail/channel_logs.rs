//! `GET /v3/channels/ID/logs`: the history of a channel as frames.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use logweir_net::body::{self, Body};
use logweir_wire::logplex::text;

use super::{Num, Tails, Unread, fetch::chunks};
use crate::logplex::model::Channel;

const COUNT: HeaderName = HeaderName::from_static("logplex-msg-count");
const FRAMES: HeaderValue = HeaderValue::from_static("application/logplex-1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Tails {
    /// Answers with the newest lines of a channel, oldest first. What is no message is
    /// counted in the header, but there is no frame of it.
    pub(crate) async fn channel_logs(
        &self,
        channel: &Channel,
        num: Num,
        version: Version,
    ) -> Response<Body> {
        let inner = &self.0;
        let wanted = match channel.flags.no_redis {
            true => 0,
            false => inner.history.fetched(num),
        };
        let remembered = match inner.open(channel, wanted, false).await {
            Ok((remembered, _)) => remembered,
            Err(unread) => return failed(&unread),
        };
        let left_out = num.left_out(remembered.len());
        let mut out = Vec::new();
        let mut ends = Vec::new();
        for line in remembered.lines().skip(left_out).flatten() {
            text::v3_frame(&line, &mut out);
            ends.push(out.len());
        }
        let all = Bytes::from(out);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let frames = starts.zip(&ends).map(|(start, end)| all.slice(start..*end));
        let mut response = Response::new(chunks(frames.collect()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, FRAMES);
        let count = remembered.len() - left_out;
        headers.insert(COUNT, HeaderValue::from(count));
        // HTTP/2 forbids the header.
        if version < Version::HTTP_2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn failed(unread: &Unread) -> Response<Body> {
    if let Unread::Refused(status) = unread {
        tracing::warn!("a channel cannot be read: {}", status.message());
    }
    let words = r#"{"error":"failed to fetch channel logs"}"#;
    let mut response = Response::new(body::full(words));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}
