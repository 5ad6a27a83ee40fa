//! Bodies that frame payloads as they go out.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::Status;

use super::{PREFIX, trailers};
use crate::body::{Body, BoxError};

/// A payload of this size goes out by reference, after its prefix; a smaller one is
/// copied behind its prefix, which costs less than one more frame.
const BY_REFERENCE: usize = 4 << 10;

/// The 5 bytes before a payload of `len` bytes.
///
/// # Panics
/// Never: a length beyond the format's 4 GiB is written as the largest, and no limit of
/// a peer lets such a message pass.
pub fn prefix(len: usize) -> Bytes {
    Bytes::copy_from_slice(&head(len))
}

/// Prefix and payload in one piece.
pub fn message(payload: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message_len(payload.len()));
    push_message(&mut framed, payload);
    framed.freeze()
}

/// Appends prefix and payload.
pub fn push_message(framed: &mut BytesMut, payload: &[u8]) {
    framed.put_slice(&head(payload.len()));
    framed.put_slice(payload);
}

/// Bytes of a message with a payload of `len` bytes.
pub const fn message_len(len: usize) -> usize {
    PREFIX + len
}

fn head(len: usize) -> [u8; PREFIX] {
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

/// A response's body: each payload of `source` as a message, then OK, or the status
/// with which the source ended.
pub fn stream_body<S>(source: S) -> Body
where
    S: Stream<Item = Result<Bytes, Status>> + Send + 'static,
{
    Framed::new(source, End::Trailers).boxed_unsync()
}

/// A request's body: each payload of `source` as a message, then half-close. If the
/// source fails, the stream is cancelled.
pub fn request_body<S>(source: S) -> Body
where
    S: Stream<Item = Result<Bytes, Status>> + Send + 'static,
{
    Framed::new(source, End::Plain).boxed_unsync()
}

/// A request's body of what `source` yields, which is runs of whole messages with their
/// prefixes, then half-close.
pub fn framed_request_body<S>(source: S) -> Body
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    StreamBody::new(source.map(|messages| Ok(Frame::data(messages)))).boxed_unsync()
}

/// How a body ends.
#[derive(Clone, Copy)]
enum End {
    /// With the status.
    Trailers,
    /// With nothing: requests have no status.
    Plain,
}

struct Framed<S> {
    source: Pin<Box<S>>,
    /// A payload whose prefix is out already.
    payload: Option<Bytes>,
    end: End,
    over: bool,
}

impl<S> Framed<S> {
    fn new(source: S, end: End) -> Self {
        Self {
            source: Box::pin(source),
            payload: None,
            end,
            over: false,
        }
    }

    fn finish(&mut self, status: Status) -> Option<Result<Frame<Bytes>, BoxError>> {
        self.over = true;
        match self.end {
            End::Trailers => Some(Ok(Frame::trailers(trailers(status)))),
            End::Plain if status.code() == tonic::Code::Ok => None,
            // The reset code tells the server that the client gave up.
            End::Plain => Some(Err(h2::Error::from(h2::Reason::CANCEL).into())),
        }
    }
}

impl<S> http_body::Body for Framed<S>
where
    S: Stream<Item = Result<Bytes, Status>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(payload) = self.payload.take() {
            return Poll::Ready(Some(Ok(Frame::data(payload))));
        }
        if self.over {
            return Poll::Ready(None);
        }
        let frame = match ready!(self.source.as_mut().poll_next(cx)) {
            Some(Ok(payload)) if payload.len() >= BY_REFERENCE => {
                let prefix = prefix(payload.len());
                self.payload = Some(payload);
                Some(Ok(Frame::data(prefix)))
            }
            Some(Ok(payload)) => Some(Ok(Frame::data(message(&payload)))),
            Some(Err(status)) => self.finish(status),
            None => self.finish(Status::ok("")),
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.payload.is_none()
    }
}
