//! The requests of one drain: all alike but for their bodies.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::Full;
use logweir_wire::logplex::hops;

use super::answer::Manner;
use crate::{
    channel::ChannelDrain,
    delivery::{Failure, channel::Frame},
    drain::Drain,
    url::Scheme,
};

/// Who we say we are. The peers are `fasthttp`.
const OWN_NAME: &str = concat!("logweir/", env!("CARGO_PKG_VERSION"));

/// The same to receivers that know Logplex.
const LOGPLEX_NAME: &str = concat!("Logplex/logweir-", env!("CARGO_PKG_VERSION"));

const MSG_COUNT: HeaderName = HeaderName::from_static("logplex-msg-count");
const FRAME_ID: HeaderName = HeaderName::from_static("logplex-frame-id");
const HOPS: HeaderName = HeaderName::from_static(hops::HEADER);
const DRAIN_TOKEN: HeaderName = HeaderName::from_static("logplex-drain-token");

/// Log lines compress well already at the cheapest levels, and there are many of them.
const LEVEL: u32 = 3;

pub(super) struct Requests {
    target: Uri,
    headers: HeaderMap,
    gzip: bool,
    pub(super) manner: Manner,
}

impl Requests {
    /// What the drain's URL and binding ask for.
    pub(super) fn of(drain: &Drain) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::Request(format!("the URL makes no {what}"));
        let target = drain.url.request_target();
        let target = target.reveal().parse();
        let target = target.map_err(|_| wrong("request target"))?;
        let host = drain.url.host_header().parse();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.map_err(|_| wrong("Host header"))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if let Some(authorization) = drain.url.authorization() {
            let value: Result<HeaderValue, _> = authorization.reveal().parse();
            let mut value = value.map_err(|_| wrong("Authorization header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &drain.headers {
            headers.insert(name, value.clone());
        }
        let gzip = drain.url.params().gzip && drain.url.scheme() == Scheme::HttpsBatch;
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self {
            target,
            headers,
            gzip,
            manner: Manner::Platform,
        })
    }

    /// What Logplex asks of the receiver of a channel's drain, in Logplex's order.
    pub(super) fn of_channel(drain: &ChannelDrain) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::Request(format!("the URL makes no {what}"));
        let (url, zero) = (&drain.url, HeaderValue::from_static("0"));
        let target = url.request_target().reveal().parse();
        let host = url.host_header().parse();
        let token = drain.token.parse();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(HOST, host.map_err(|_| wrong("Host header"))?);
        if let Some(authorization) = url.authorization() {
            let value: Result<HeaderValue, _> = authorization.reveal().parse();
            let mut value = value.map_err(|_| wrong("Authorization header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let lines = HeaderValue::from_static("application/logplex-1");
        headers.insert(CONTENT_TYPE, lines);
        headers.insert(MSG_COUNT, zero.clone());
        headers.insert(FRAME_ID, zero);
        headers.insert(DRAIN_TOKEN, token.map_err(|_| wrong("token"))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(LOGPLEX_NAME));
        headers.insert(HOPS, HeaderValue::from_static("1"));
        Ok(Self {
            target: target.map_err(|_| wrong("request target"))?,
            headers,
            gzip: false,
            manner: Manner::Logplex,
        })
    }

    /// The requests that follow are this one, with so many frames, whose lines have gone so far.
    pub(super) fn name(&mut self, frame: Frame, count: usize, hops: u8) {
        let id = HeaderValue::try_from(format!("{:032X}", frame.id));
        let hops = u16::from(hops) + 1;
        for (name, value) in [
            (MSG_COUNT, Ok(count.into())),
            (FRAME_ID, id),
            (HOPS, Ok(hops.into())),
        ] {
            // Digits are a header.
            if let Ok(value) = value {
                self.headers.insert(name, value);
            }
        }
    }

    /// The body as it is sent: compressed, if the drain asks for that.
    pub(super) fn encoded(&self, body: Bytes) -> Bytes {
        if !self.gzip {
            return body;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        // Writing into memory does not fail.
        let written = encoder.write_all(&body).and_then(|()| encoder.finish());
        written.map_or(body, Bytes::from)
    }

    /// A request with this body.
    pub(super) fn with(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
