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

/// Checks whether a request is a WebSocket's opening; otherwise the whole answer.
pub(super) fn upgrade(parts: &mut Parts) -> Result<Upgrade, Response<Body>> {
    let headers = &parts.headers;
    if !has_token(headers, &header::CONNECTION, "upgrade")
        || !has_token(headers, &header::UPGRADE, "websocket")
    {
        return Err(refused(StatusCode::BAD_REQUEST, "Bad Request\n"));
    }
    if parts.method != Method::GET {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(refused(status, "Method Not Allowed\n"));
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, VERSION) {
        return Err(refused(StatusCode::BAD_REQUEST, "Bad Request\n"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let accept = key
        .filter(|key| is_key(key.as_bytes()))
        .and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
    // Absent over HTTP/2, which has no upgrades.
    match (accept, parts.extensions.remove::<OnUpgrade>()) {
        (Some(accept), Some(on)) => Ok(Upgrade { on, accept }),
        _ => Err(refused(StatusCode::BAD_REQUEST, "Bad Request\n")),
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

fn refused(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = plain(status, text);
    let version = HeaderValue::from_static(VERSION);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_VERSION, version);
    response
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
