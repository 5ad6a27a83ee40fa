//! The producers' side of the V2 protocol: `Sender`, `BatchSender` and `Send`.
//!
//! A producer is never pushed back on: what comes in is handed to the sink, which
//! drops rather than waits.

use std::{future::poll_fn, sync::Arc, time::Duration};

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
use logweir_route::queue::{CHUNK_BYTES, CHUNK_ENVELOPES};
use tonic::Status;

/// After a stop, a stream that has been quiet for this long is ended.
const QUIET: Duration = Duration::from_millis(100);

/// Takes the batches of one stream.
pub trait Sink: Send {
    /// Takes an `EnvelopeBatch` off the wire. Never waits.
    fn accept(&mut self, batch: Bytes);
}

/// The Ingress service of a door.
#[derive(Clone)]
pub struct Ingress {
    open: Arc<dyn Fn() -> Box<dyn Sink> + Send + Sync>,
    message_bytes: usize,
    shutdown: Shutdown,
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
        }
    }

    /// `Ingress/BatchSender`: a stream of batches.
    pub(super) async fn batch_sender(&self, request: Request<Incoming>) -> Response<Body> {
        let mut sink = (self.open)();
        let mut messages = Messages::new(request.into_body(), self.message_bytes);
        loop {
            match self.next(&mut messages).await {
                Ok(Some(batch)) => sink.accept(batch),
                Ok(None) => return grpc::ok_unary(Bytes::new()),
                Err(status) => return grpc::status_response(status),
            }
        }
    }

    /// `Ingress/Sender`: a stream of single envelopes. Those that have arrived
    /// together go on together.
    pub(super) async fn sender(&self, request: Request<Incoming>) -> Response<Body> {
        let mut sink = (self.open)();
        let mut messages = Messages::new(request.into_body(), self.message_bytes);
        loop {
            let first = match self.next(&mut messages).await {
                Ok(Some(envelope)) => envelope,
                Ok(None) => return grpc::ok_unary(Bytes::new()),
                Err(status) => return grpc::status_response(status),
            };
            let mut batch = BytesMut::with_capacity(frame_len(first.len()));
            push_frame(&mut batch, &first);
            let mut envelopes = 1;
            while batch.len() < CHUNK_BYTES && envelopes < CHUNK_ENVELOPES {
                let more = poll_fn(|context| messages.poll_next(context)).now_or_never();
                let Some(Ok(Some(envelope))) = more else {
                    break;
                };
                push_frame(&mut batch, &envelope);
                envelopes += 1;
            }
            sink.accept(batch.freeze());
        }
    }

    /// `Ingress/Send`: one batch, answered once it is taken.
    pub(super) async fn send(&self, request: Request<Incoming>) -> Response<Body> {
        let mut messages = Messages::new(request.into_body(), self.message_bytes);
        match messages.next().await {
            Ok(Some(batch)) => {
                (self.open)().accept(batch);
                grpc::ok_unary(Bytes::new())
            }
            Ok(None) => grpc::status_response(Status::internal("a unary call needs a message")),
            Err(status) => grpc::status_response(status),
        }
    }

    /// The next message. After a stop: what has arrived, then the end, so that the
    /// producer looks for another door and nothing that it wrote is lost.
    async fn next(&self, messages: &mut Messages<Incoming>) -> Result<Option<Bytes>, Status> {
        let stop = &self.shutdown.stop;
        if !stop.is_cancelled() {
            tokio::select! {
                biased;
                next = messages.next() => return next,
                () = stop.cancelled() => {}
            }
        }
        let quiet = tokio::time::sleep(QUIET);
        tokio::select! {
            biased;
            () = self.shutdown.abort.cancelled() => Ok(None),
            next = messages.next() => next,
            () = quiet => Ok(None),
        }
    }
}
