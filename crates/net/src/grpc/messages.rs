//! Messages out of a body, without a copy where the body allows it.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use tonic::{Code, Status};

use super::{
    PREFIX,
    status::{from_http, status_from_error, status_of},
};
use crate::body::BoxError;

/// An announced length is believed up to here; beyond it, memory is taken as the bytes
/// arrive, so that a stranger's five bytes cannot cost us megabytes.
const BELIEVED: usize = 64 << 10;

/// The messages of one request's or response's body.
///
/// After an error, and after the end, there is nothing more.
pub struct Messages<B> {
    body: B,
    limit: usize,
    /// What is left of the frame that was read last.
    frame: Bytes,
    state: State,
    ending: Ending,
}

/// How far the current message has come.
enum State {
    /// So many bytes of its prefix are there.
    Prefix([u8; PREFIX], usize),
    /// So long it will be; this is there.
    Payload(usize, Vec<u8>),
    /// Nothing more comes.
    Over,
}

/// What the end of the body means.
enum Ending {
    /// A request: half-close is a good end.
    HalfClose,
    /// A response: the status must have come, in the trailers.
    Trailers,
    /// A response whose header brought the status already.
    Known(Status),
}

impl<B> Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// The messages of a request; each of at most `limit` bytes.
    pub fn new(body: B, limit: usize) -> Self {
        Self {
            body,
            limit,
            frame: Bytes::new(),
            state: State::Prefix([0; PREFIX], 0),
            ending: Ending::HalfClose,
        }
    }

    /// The messages of a response; each of at most `limit` bytes. Its status, where it
    /// is not OK, is the error after the last message.
    pub fn of_response(response: Response<B>, limit: usize) -> Self {
        let (head, body) = response.into_parts();
        let ending = match status_of(&head.headers) {
            Some(status) => Ending::Known(status),
            None if head.status != StatusCode::OK => Ending::Known(from_http(head.status)),
            None => Ending::Trailers,
        };
        Self {
            ending,
            ..Self::new(body, limit)
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// `ResourceExhausted` for a message over the limit, `Unimplemented` for a
    /// compressed one, `Internal` for a body that ends within one, the status of a
    /// broken stream ([`status_from_error`]), and that of a response if it is not OK.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Messages::next`], to be polled.
    ///
    /// # Errors
    /// As [`Messages::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let result = ready!(self.advance(cx));
        if !matches!(result, Ok(Some(_))) {
            self.state = State::Over;
        }
        Poll::Ready(result)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        if let Ending::Known(status) = &self.ending
            && status.code() != Code::Ok
            && !matches!(self.state, State::Over)
        {
            // Whatever such a body holds, it is no message.
            return Poll::Ready(Err(status.clone()));
        }
        loop {
            match self.take() {
                Ok(None) => {}
                other => return Poll::Ready(other),
            }
            if matches!(self.state, State::Over) {
                return Poll::Ready(Ok(None));
            }
            match ready!(std::pin::Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(self.ended(None)),
                Some(Err(error)) => {
                    let error: BoxError = error.into();
                    return Poll::Ready(Err(status_from_error(error.as_ref())));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.frame = data,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            return Poll::Ready(self.ended(Some(&trailers)));
                        }
                    }
                },
            }
        }
    }

    /// A message from what is there, if it is all there.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            match &mut self.state {
                State::Over => return Ok(None),
                State::Prefix(head, have) => {
                    let n = self.frame.len().min(PREFIX - *have);
                    head[*have..*have + n].copy_from_slice(&self.frame[..n]);
                    self.frame.advance(n);
                    *have += n;
                    if *have < PREFIX {
                        return Ok(None);
                    }
                    let len = announced(*head, self.limit)?;
                    if self.frame.len() >= len {
                        self.state = State::Prefix([0; PREFIX], 0);
                        return Ok(Some(self.frame.split_to(len)));
                    }
                    self.state = State::Payload(len, Vec::new());
                }
                State::Payload(len, payload) => {
                    let n = self.frame.len().min(*len - payload.len());
                    grow(payload, n, *len);
                    payload.extend_from_slice(&self.frame[..n]);
                    self.frame.advance(n);
                    if payload.len() < *len {
                        return Ok(None);
                    }
                    let whole = std::mem::take(payload);
                    self.state = State::Prefix([0; PREFIX], 0);
                    return Ok(Some(whole.into()));
                }
            }
        }
    }

    fn ended(&mut self, trailers: Option<&HeaderMap>) -> Result<Option<Bytes>, Status> {
        let status = match (&self.ending, trailers.and_then(status_of)) {
            (_, Some(status)) => status,
            (Ending::Known(status), None) => status.clone(),
            (Ending::HalfClose, None) => Status::ok(""),
            (Ending::Trailers, None) => {
                Status::internal("server closed the stream without sending trailers")
            }
        };
        if status.code() != Code::Ok {
            return Err(status);
        }
        match self.state {
            State::Prefix(_, 0) | State::Over => Ok(None),
            _ => Err(Status::internal(
                "unexpected EOF: the stream ended in the middle of a message",
            )),
        }
    }
}

/// The length that a prefix announces, if such a message is acceptable. The texts are
/// Go's (spec loggregator-v2 §2.4).
fn announced(head: [u8; PREFIX], limit: usize) -> Result<usize, Status> {
    let [compressed, a, b, c, d] = head;
    match compressed {
        0 => {}
        1 => {
            return Err(Status::unimplemented(
                "compressed messages are not supported; send without grpc-encoding",
            ));
        }
        other => {
            return Err(Status::internal(format!(
                "grpc: received unexpected payload format {other}"
            )));
        }
    }
    let len = u32::from_be_bytes([a, b, c, d]);
    match usize::try_from(len) {
        Ok(len) if len <= limit => Ok(len),
        _ => Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({len} vs. {limit})"
        ))),
    }
}

/// Makes room for `more` bytes of a payload that will have `len`: all of it where that
/// is little, else by doubling. It ends at exactly `len`.
fn grow(payload: &mut Vec<u8>, more: usize, len: usize) {
    let needed = payload.len() + more;
    if needed > payload.capacity() {
        let room = needed.max(payload.len() * 2).max(BELIEVED).min(len);
        payload.reserve_exact(room - payload.len());
    }
}
