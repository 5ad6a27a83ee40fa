use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::Incoming;
use tonic::Status;

use super::{Messages, message, request, status_from_error};
use crate::{
    body,
    dial::{H2, SendError},
};

/// Calls a method that answers one request with a stream of messages of at most `limit`
/// bytes. `extra` is added to the request's header. Returns at once: the request is on
/// its way, and the stream counts as open, although a quiet server has not said a word
/// (spec loggregator-v2 §1.1).
pub fn server_stream(
    h2: &H2,
    path: &str,
    payload: Bytes,
    extra: HeaderMap,
    limit: usize,
) -> ServerStream {
    let mut request = request(path, h2.authority(), body::full(message(&payload)));
    request.headers_mut().extend(extra);
    ServerStream {
        state: State::Opening(Box::pin(h2.send(request))),
        limit,
    }
}

/// The messages of a call. Dropping it cancels the call.
pub struct ServerStream {
    state: State,
    limit: usize,
}

type Opening = Pin<Box<dyn Future<Output = Result<Response<Incoming>, SendError>> + Send>>;

enum State {
    Opening(Opening),
    Open(Messages<Incoming>),
    /// Opening failed, and nobody has been told yet; or there is nothing more to tell.
    Failed(Option<Status>),
}

impl ServerStream {
    /// Waits for the header of the response. A server may send it only with the first
    /// message, so this is no sign of a working stream, only of a server that spoke.
    ///
    /// # Errors
    /// Why there will be no messages.
    pub async fn opened(&mut self) -> Result<(), Status> {
        poll_fn(|cx| self.poll_opened(cx)).await;
        match &self.state {
            State::Failed(Some(status)) => Err(status.clone()),
            _ => Ok(()),
        }
    }

    /// The next message; `None` when the server ended the call with OK.
    ///
    /// # Errors
    /// The status of the call, or of a broken connection.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`ServerStream::next`], to be polled.
    ///
    /// # Errors
    /// As [`ServerStream::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        ready!(self.poll_opened(cx));
        match &mut self.state {
            State::Open(messages) => messages.poll_next(cx),
            State::Failed(status) => Poll::Ready(status.take().map_or(Ok(None), Err)),
            State::Opening(_) => Poll::Pending,
        }
    }

    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Opening(response) = &mut self.state {
            self.state = match ready!(response.as_mut().poll(cx)) {
                Ok(response) => State::Open(Messages::of_response(response, self.limit)),
                Err(error) => State::Failed(Some(status_from_error(&error))),
            };
        }
        Poll::Ready(())
    }
}
