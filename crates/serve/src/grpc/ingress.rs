//! The producers' side of the V2 protocol: `Sender`, `BatchSender` and `Send`.
//!
//! A producer is never pushed back on: what comes in is handed to the sink, which
//! drops rather than waits.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
    shutdown::Shutdown,
};
use logweir_proto::frames::{frame_len, push_frame};
use logweir_route::{
    Exchange,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};
use tokio::{task::yield_now, time::Instant};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tonic::Status;

/// After a stop, a stream that has been quiet for this long is ended.
pub(crate) const QUIET: Duration = Duration::from_millis(100);

/// After a stop, no stream is read for longer, quiet or not. Producers have been told
/// to go; agents notice within half a second.
const DRAIN: Duration = Duration::from_secs(1);

/// Takes the batches of one stream.
pub trait Sink: Send {
    /// Takes an `EnvelopeBatch` off the wire. Never waits.
    fn accept(&mut self, batch: Bytes);

    /// Whether a queue behind it has overflowed since this was last asked. Then its
    /// reader has its turn before more is read.
    fn overflowed(&mut self) -> bool {
        false
    }
}

/// The Ingress service of a door.
#[derive(Clone)]
pub struct Ingress {
    open: Arc<dyn Fn() -> Box<dyn Sink> + Send + Sync>,
    message_bytes: usize,
    shutdown: Shutdown,
    streams: TaskTracker,
    /// Where V1 envelopes go; without it none are taken.
    pub(super) v1: Option<Arc<Exchange>>,
}

impl Ingress {
    /// `open` makes the sink of one stream; `message_bytes` bounds one message.
    pub fn new(
        open: impl Fn() -> Box<dyn Sink> + Send + Sync + 'static,
        message_bytes: usize,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            open: Arc::new(open),
            message_bytes,
            shutdown,
            streams: TaskTracker::new(),
            v1: None,
        }
    }

    /// Counts the streams that are open, so that a stop can wait for them.
    pub(crate) fn streams(&self) -> TaskTracker {
        self.streams.clone()
    }

    /// `Ingress/BatchSender`: a stream of batches.
    pub(super) async fn batch_sender(&self, request: Request<Incoming>) -> Response<Body> {
        let mut sink = (self.open)();
        let mut arriving = self.arriving(request);
        loop {
            match arriving.next().await {
                Ok(Some(batch)) => sink.accept(batch),
                Ok(None) => return grpc::ok_unary(Bytes::new()),
                Err(status) => return grpc::status_response(status),
            }
            if sink.overflowed() {
                yield_now().await;
            }
        }
    }

    /// `Ingress/Sender`: a stream of single envelopes. Those that have arrived
    /// together go on together.
    pub(super) async fn sender(&self, request: Request<Incoming>) -> Response<Body> {
        let mut sink = (self.open)();
        let mut arriving = self.arriving(request);
        loop {
            let mut next = arriving.next().await;
            let mut batch = BytesMut::new();
            let mut envelopes = 0;
            while let Ok(Some(envelope)) = &next {
                batch.reserve(frame_len(envelope.len()));
                push_frame(&mut batch, envelope);
                envelopes += 1;
                if batch.len() >= CHUNK_BYTES || envelopes >= CHUNK_ENVELOPES {
                    break;
                }
                match arriving.there() {
                    Some(more) => next = more,
                    None => break,
                }
            }
            if envelopes > 0 {
                sink.accept(batch.freeze());
            }
            if sink.overflowed() {
                yield_now().await;
            }
            // The end may have come right behind the last envelope.
            match next {
                Ok(Some(_)) => {}
                Ok(None) => return grpc::ok_unary(Bytes::new()),
                Err(status) => return grpc::status_response(status),
            }
        }
    }

    /// `Ingress/Send`: one batch, answered once it is taken.
    pub(super) async fn send(&self, request: Request<Incoming>) -> Response<Body> {
        match self.arriving(request).next().await {
            Ok(Some(batch)) => {
                (self.open)().accept(batch);
                grpc::ok_unary(Bytes::new())
            }
            Ok(None) => grpc::status_response(Status::internal("a unary call needs a message")),
            Err(status) => grpc::status_response(status),
        }
    }

    pub(super) fn arriving(&self, request: Request<Incoming>) -> Arriving {
        Arriving {
            messages: Messages::new(request.into_body(), self.message_bytes),
            // Tokens of its own: the shared ones' locks would be taken for every
            // message of every stream.
            stop: Box::pin(self.shutdown.stop.child_token().cancelled_owned()),
            abort: self.shutdown.abort.clone(),
            until: None,
            _open: self.streams.token(),
        }
    }
}

/// What a producer sends on one stream.
pub(super) struct Arriving {
    messages: Messages<Incoming>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    abort: CancellationToken,
    /// After a stop: nothing is read any more from then on.
    until: Option<Instant>,
    _open: TaskTrackerToken,
}

impl Arriving {
    /// The next message. After a stop: what has arrived, then the end, so that the
    /// producer looks for another door and nothing that it wrote is lost. One that
    /// writes on and on is not waited for.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let until = match self.until {
            Some(until) => until,
            None => {
                tokio::select! {
                    biased;
                    () = self.stop.as_mut() => {}
                    next = self.messages.next() => return next,
                }
                *self.until.insert(Instant::now() + DRAIN)
            }
        };
        let now = Instant::now();
        if now >= until {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = self.abort.cancelled() => Ok(None),
            next = self.messages.next() => next,
            () = tokio::time::sleep_until(until.min(now + QUIET)) => Ok(None),
        }
    }

    /// What follows, if it is there already.
    pub(super) fn there(&mut self) -> Option<Result<Option<Bytes>, Status>> {
        poll_fn(|context| self.messages.poll_next(context)).now_or_never()
    }
}
