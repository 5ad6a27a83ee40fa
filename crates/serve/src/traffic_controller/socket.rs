//! From an HTTP request to a WebSocket: the checks of the upgrade, in the reference's
//! order and words, and the upgraded connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use logweir_net::body::{self, Body};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::front::answer::plain;

/// The one version there is.
const VERSION: &str = "13";

/// Read at once. Clients have next to nothing to say, and each open session holds
/// this much.
const READ_BUFFER: usize = 1 << 10;

/// Frames are gathered up to this many bytes before they are written.
const WRITE_BUFFER: usize = 64 << 10;

/// Most bytes of a message that a client may send. All are ignored; this bounds what
/// is held until then.
const MOST_RECEIVED: usize = 1 << 20;

/// A request that may become a WebSocket.
pub(super) struct Upgrade {
    on: OnUpgrade,
    accept: HeaderValue,
}

/// Why a request does not open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is none, or a wrong one.
    BadRequest,
    /// It is no GET.
    MethodNotAllowed,
}

impl Refused {
    /// The whole answer.
    pub(super) fn answer(self) -> Response<Body> {
        let mut response = match self {
            Refused::BadRequest => plain(StatusCode::BAD_REQUEST, "Bad Request\n"),
            Refused::MethodNotAllowed => {
                plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")
            }
        };
        let version = HeaderValue::from_static(VERSION);
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, version);
        response
    }
}

/// Checks whether a request is a WebSocket's opening.
pub(super) fn upgrade(parts: &mut Parts) -> Result<Upgrade, Refused> {
    let headers = &parts.headers;
    if !has_token(headers, &header::CONNECTION, "upgrade")
        || !has_token(headers, &header::UPGRADE, "websocket")
    {
        return Err(Refused::BadRequest);
    }
    if parts.method != Method::GET {
        return Err(Refused::MethodNotAllowed);
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, VERSION) {
        return Err(Refused::BadRequest);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let accept = key
        .filter(|key| is_key(key.as_bytes()))
        .and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
    // Absent over HTTP/2, which has no upgrades.
    match (accept, parts.extensions.remove::<OnUpgrade>()) {
        (Some(accept), Some(on)) => Ok(Upgrade { on, accept }),
        _ => Err(Refused::BadRequest),
    }
}

impl Upgrade {
    /// The answer 101, and the connection that it opens.
    pub(super) fn accept(self) -> (Response<Body>, OnUpgrade) {
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        (response, self.on)
    }
}

/// The server's end of a WebSocket.
pub(super) type Socket<S> = WebSocketStream<Metered<S>>;

/// Waits for the connection behind an accepted upgrade.
///
/// # Errors
/// The client left before it had the answer.
pub(super) async fn open(on: OnUpgrade) -> Result<Socket<TokioIo<Upgraded>>, hyper::Error> {
    let upgraded = on.await?;
    Ok(over(TokioIo::new(upgraded)).await)
}

/// The server's end of a WebSocket over any connection.
pub(super) async fn over<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> Socket<S> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MOST_RECEIVED))
        .max_frame_size(Some(MOST_RECEIVED));
    WebSocketStream::from_raw_socket(Metered { io, written: 0 }, Role::Server, Some(config)).await
}

/// Whether a header lists a token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let mut parts = value.as_bytes().split(|byte| *byte == b',');
        parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

/// Base64 of 16 bytes.
fn is_key(key: &[u8]) -> bool {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(key).is_ok_and(|key| key.len() == 16)
}

/// A connection that counts what it has taken, so that a client who reads slowly can
/// be told from one who does not read at all.
pub(super) struct Metered<S> {
    io: S,
    written: u64,
}

impl<S> Metered<S> {
    /// Bytes taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.written += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write_vectored(context, slices))?;
        self.written += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn parts(method: &str, lines: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/firehose/x");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        // Gives a handle that never resolves, as over HTTP/1.1 before the answer.
        let upgrade = hyper::upgrade::on(&mut request);
        request.extensions_mut().insert(upgrade);
        request.into_parts().0
    }

    fn without(name: &str) -> Vec<(&'static str, &'static str)> {
        GOOD.into_iter().filter(|line| line.0 != name).collect()
    }

    fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut lines = without(name);
        lines.push((name, value));
        lines
    }

    #[test]
    fn an_opening_is_answered_with_the_key_of_the_rfc() {
        let upgrade = upgrade(&mut parts("GET", &GOOD)).ok().unwrap();
        let (response, _) = upgrade.accept();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers();
        assert_eq!(headers[header::UPGRADE], "websocket");
        assert_eq!(headers[header::CONNECTION], "Upgrade");
        // RFC 6455, section 1.3.
        let accept = &headers[header::SEC_WEBSOCKET_ACCEPT];
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_checks_come_in_the_order_of_the_reference() {
        let refused = |method: &str, lines: &[_]| upgrade(&mut parts(method, lines)).err();
        for lines in [
            without("connection"),
            without("upgrade"),
            with("upgrade", "h2c"),
            with("connection", "keep-alive"),
            with("sec-websocket-version", "8"),
            without("sec-websocket-version"),
            without("sec-websocket-key"),
            with("sec-websocket-key", "AAAA"),
            with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ"),
        ] {
            assert_eq!(
                refused("GET", &lines),
                Some(Refused::BadRequest),
                "{lines:?}"
            );
        }
        assert_eq!(refused("POST", &GOOD), Some(Refused::MethodNotAllowed));
        // The method is looked at before the version, and after the tokens.
        let lines = with("sec-websocket-version", "8");
        assert_eq!(refused("PUT", &lines), Some(Refused::MethodNotAllowed));
        assert_eq!(
            refused("PUT", &without("upgrade")),
            Some(Refused::BadRequest)
        );
        let answer = Refused::MethodNotAllowed.answer();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()[header::SEC_WEBSOCKET_VERSION], "13");
    }

    #[test]
    fn http_2_has_no_upgrades() {
        let mut parts = parts("GET", &GOOD);
        parts.extensions.remove::<OnUpgrade>();
        assert_eq!(upgrade(&mut parts).err(), Some(Refused::BadRequest));
    }
}
