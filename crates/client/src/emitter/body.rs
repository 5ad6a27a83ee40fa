//! The body of one `BatchSender` call: takes chunks from the queue whenever the
//! connection has room for them, so that nothing leaves the queue too early.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use logweir_net::{body::BoxError, grpc};
use logweir_route::{
    Chunk,
    notice::{self, Form},
};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Shared, books::Took};
use crate::source::unix_nanos;

/// Messages up to this size are copied behind their prefix: one frame, one write.
const COPY_UP_TO: usize = 8 << 10;

/// What the task and the body of one stream say to each other.
pub(super) struct Signals {
    /// The task wants the stream to end.
    pub(super) end: CancellationToken,
    /// The stream carries something.
    pub(super) departed: Notify,
    /// The body said all it had to say, and ended.
    pub(super) complete: AtomicBool,
}

/// See the module.
pub(super) struct Outgoing {
    shared: Arc<Shared>,
    signals: Arc<Signals>,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    stream: u64,
    /// Payload whose prefix has gone out.
    payload: Option<Bytes>,
    started: bool,
}

impl Outgoing {
    pub(super) fn new(shared: Arc<Shared>, signals: Arc<Signals>) -> Self {
        Self {
            end: Box::pin(signals.end.clone().cancelled_owned()),
            stream: shared.books.open(),
            shared,
            signals,
            payload: None,
            started: false,
        }
    }

    fn message(&mut self, chunk: Chunk) -> Frame<Bytes> {
        if chunk.frames.len() <= COPY_UP_TO {
            return Frame::data(grpc::message(&chunk.frames));
        }
        let prefix = grpc::prefix(chunk.frames.len());
        self.payload = Some(chunk.frames);
        Frame::data(prefix)
    }

    fn notice(&mut self) -> Option<Frame<Bytes>> {
        let loss = self.shared.books.tell(self.stream, &self.shared.queue)?;
        self.signals.departed.notify_one();
        Some(self.message(notice::chunk(&loss, Form::Log, "client", unix_nanos())))
    }

    fn finish(&mut self) -> Option<Frame<Bytes>> {
        let notice = self.notice();
        if notice.is_none() {
            self.signals.complete.store(true, Ordering::Release);
        }
        notice
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(payload) = this.payload.take() {
            return Poll::Ready(Some(Ok(Frame::data(payload))));
        }
        if !std::mem::replace(&mut this.started, true)
            && let Some(notice) = this.notice()
        {
            return Poll::Ready(Some(Ok(notice)));
        }
        let ending = this.end.as_mut().poll(context).is_ready();
        if ending && this.shared.may_turn() {
            return Poll::Ready(this.finish().map(Ok));
        }
        match this
            .shared
            .books
            .take(this.stream, &this.shared.queue, context)
        {
            Took::Chunk { chunk, first } => {
                if first {
                    this.signals.departed.notify_one();
                }
                this.shared.progress.notify_waiters();
                Poll::Ready(Some(Ok(this.message(chunk))))
            }
            Took::Nothing if !ending => Poll::Pending,
            Took::Nothing | Took::Over => Poll::Ready(this.finish().map(Ok)),
        }
    }
}
