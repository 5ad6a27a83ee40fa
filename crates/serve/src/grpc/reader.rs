//! The way of envelopes out of a queue to one reader: losses are told, tags are
//! put into the form that the reader asked for, chunks become messages.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body::{Body as HttpBody, Frame};
use logweir_net::{body::BoxError, grpc};
use logweir_proto::{
    edit::{to_deprecated, to_preferred},
    frames::{Frame as Framed, frames, push_frame},
};
use logweir_route::{
    Cause, Chunk, Generation, Loss, QueueStats, Subscription, Terms, notice, notice_v1::NoticesV1,
};
use tokio::time::{Instant, Sleep};
use tonic::Status;

use super::pace::Turn;
use crate::routers::Reading;

/// A reader that loses on and on is told this often.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

/// Messages below this size are joined with their prefix; larger ones go out by
/// reference, their prefix before them.
const JOIN_BELOW: usize = 16 << 10;

/// With this much in its queue a reader gathers no longer.
const WORTH_A_MESSAGE: u64 = 16 << 10;

/// Which map of an envelope carries its tags on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagForm {
    /// As they came: routers touch neither map.
    AsTheyCame,
    /// In `tags`.
    Preferred,
    /// In `deprecated_tags`, as text.
    Deprecated,
}

/// How a reader is told what it lost.
pub(crate) enum Notices {
    /// The form, and the hop that lost it.
    V2(notice::Form, &'static str),
    /// By a V1 reader's own count.
    V1(NoticesV1),
}

impl Notices {
    fn chunk(&mut self, loss: &Loss, now: i64) -> Chunk {
        match self {
            Self::V2(form, hop) => notice::chunk(loss, *form, hop, now),
            Self::V1(notices) => notices.chunk(loss, now),
        }
    }
}

/// Counts the open streams of a door: one up while it lives.
pub(crate) struct Slot(pub(crate) Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The envelopes of one reader, as chunks of frames.
pub struct ReaderStream {
    subscription: Subscription,
    tags: TagForm,
    notices: Notices,
    /// A chunk that waits behind the notice of what was lost before it.
    behind: Option<Chunk>,
    /// No notice before this.
    quiet_until: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
    turn: Turn,
    /// Small messages wait until then.
    gather_until: Option<Instant>,
    gathered: Pin<Box<Sleep>>,
    /// What fills the queue from the routers, until the reader goes.
    feed: Option<Reading>,
    _slot: Slot,
}

impl ReaderStream {
    pub(crate) fn new(
        subscription: Subscription,
        tags: TagForm,
        notices: Notices,
        turn: Turn,
        feed: Option<Reading>,
        slot: Slot,
    ) -> Self {
        Self {
            subscription,
            tags,
            notices,
            behind: None,
            quiet_until: None,
            alarm: None,
            turn,
            gather_until: None,
            gathered: Box::pin(tokio::time::sleep(Duration::ZERO)),
            feed,
            _slot: slot,
        }
    }

    /// The balance of this reader's queue.
    pub fn stats(&self) -> QueueStats {
        self.subscription.stats()
    }

    /// Waits until everything that is published from now on comes to this reader: at
    /// once in one process; over the network until every router that can be reached has
    /// said so, which those of the peers do not at once. Give it a deadline.
    pub async fn subscribed(&self) {
        if let Some(feed) = &self.feed {
            feed.everywhere().await;
        }
    }

    /// The next chunk; `None` after the last.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        if let Some(chunk) = self.behind.take() {
            return Poll::Ready(Some(self.convert(chunk)));
        }
        loop {
            let terms = Terms {
                tell: self.may_tell(),
                at_least: self.at_least(context),
            };
            match self.subscription.poll_take(context, terms) {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(taken)) => {
                    let now = Instant::now();
                    self.gather_until = self.turn.gather_until(now);
                    match (taken.loss, taken.chunk) {
                        (Some(loss), chunk) => {
                            self.behind = chunk;
                            return Poll::Ready(Some(self.notice(&loss)));
                        }
                        (None, Some(chunk)) => return Poll::Ready(Some(self.convert(chunk))),
                        (None, None) => {}
                    }
                }
                Poll::Pending if terms.tell => return Poll::Pending,
                Poll::Pending => {
                    // A loss may be waiting to be told: look again when it may be.
                    if let Some(alarm) = &mut self.alarm {
                        ready!(alarm.as_mut().poll(context));
                    }
                    self.quiet_until = None;
                    self.alarm = None;
                }
            }
        }
    }

    /// How many bytes make a message worth its while now. While the reader gathers,
    /// its task is woken at the end of that.
    fn at_least(&mut self, context: &mut Context<'_>) -> u64 {
        let Some(until) = self.gather_until else {
            return 0;
        };
        if self.gathered.deadline() != until {
            self.gathered.as_mut().reset(until);
        }
        if self.gathered.as_mut().poll(context).is_ready() {
            self.gather_until = None;
            return 0;
        }
        WORTH_A_MESSAGE
    }

    fn may_tell(&self) -> bool {
        self.quiet_until.is_none_or(|until| Instant::now() >= until)
    }

    fn notice(&mut self, loss: &Loss) -> Chunk {
        let until = Instant::now() + NOTICE_EVERY;
        self.quiet_until = Some(until);
        self.alarm = Some(Box::pin(tokio::time::sleep_until(until)));
        let chunk = self.notices.chunk(loss, unix_nanos());
        self.convert(chunk)
    }

    /// Gives up on a reader that does not read: what waits for it is lost, and so are
    /// the frames `in_hand`, which it took and did not pass on. The frames of a notice
    /// tell how much that is, with what was not told yet; none if nothing was lost.
    pub(crate) fn abandon(&mut self, generation: Generation, in_hand: Bytes) -> Option<Bytes> {
        let mut loss = Loss::default();
        let mut chunks: Vec<Chunk> = self.behind.take().into_iter().collect();
        chunks.push(Chunk {
            envelopes: u32::try_from(frames(&in_hand).flatten().count()).unwrap_or(u32::MAX),
            frames: in_hand,
            deprecated_tags: false,
        });
        // What comes meanwhile is lost with the subscription.
        let mut left = self.subscription.stats().queued;
        while left > 0 {
            let Some(taken) = self.subscription.try_take() else {
                break;
            };
            if let Some(untold) = taken.loss {
                loss.add(&untold);
            }
            let Some(chunk) = taken.chunk else { break };
            left = left.saturating_sub(u64::from(chunk.envelopes));
            chunks.push(chunk);
        }
        for chunk in chunks.iter().filter(|chunk| chunk.envelopes > 0) {
            loss.record_frames(generation, Cause::ReaderGone, &chunk.frames);
            self.subscription
                .lost_after_taking(Cause::ReaderGone, chunk);
        }
        (!loss.is_empty()).then(|| self.notice(&loss).frames)
    }

    fn convert(&self, chunk: Chunk) -> Chunk {
        let rewrite: fn(&[u8], &mut BytesMut) = match self.tags {
            TagForm::AsTheyCame => return chunk,
            TagForm::Preferred if !chunk.deprecated_tags => return chunk,
            TagForm::Preferred => to_preferred,
            TagForm::Deprecated => to_deprecated,
        };
        let mut out = BytesMut::with_capacity(chunk.frames.len() + chunk.frames.len() / 8);
        let mut envelope = BytesMut::new();
        for frame in frames(&chunk.frames).flatten() {
            envelope.clear();
            rewrite(frame.envelope, &mut envelope);
            push_frame(&mut out, &envelope);
        }
        Chunk {
            frames: out.freeze(),
            ..chunk
        }
    }
}

impl Drop for ReaderStream {
    fn drop(&mut self) {
        // Taken from the queue, but never on its way to the reader.
        if let Some(chunk) = self.behind.take() {
            self.subscription
                .lost_after_taking(Cause::ReaderGone, &chunk);
        }
    }
}

impl Stream for ReaderStream {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(context)
            .map(|chunk| chunk.map(|chunk| Ok(chunk.frames)))
    }
}

/// How chunks become gRPC messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A chunk is one `EnvelopeBatch`.
    Batches,
    /// Each envelope is a message.
    Envelopes,
    /// Each frame is a message: one `plumbing.Response`.
    Frames,
}

/// The body of a reader's response: messages by reference, then the trailers.
pub(crate) struct ReaderBody {
    stream: ReaderStream,
    shape: Shape,
    /// The message whose prefix went out just before.
    message: Option<Bytes>,
    ended: bool,
}

impl ReaderBody {
    pub(crate) fn new(stream: ReaderStream, shape: Shape) -> Self {
        Self {
            stream,
            shape,
            message: None,
            ended: false,
        }
    }
}

impl HttpBody for ReaderBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let Some(chunk) = ready!(self.stream.poll_chunk(context)) else {
            self.ended = true;
            let trailers = grpc::trailers(Status::ok(""));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        };
        let data = match self.shape {
            Shape::Batches if chunk.frames.len() < JOIN_BELOW => grpc::message(&chunk.frames),
            Shape::Batches => {
                let prefix = grpc::prefix(chunk.frames.len());
                self.message = Some(chunk.frames);
                prefix
            }
            Shape::Envelopes => single_messages(&chunk, |frame| frame.envelope),
            Shape::Frames => single_messages(&chunk, |frame| frame.bytes),
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

/// Something of every frame of a chunk as a message of its own, one after another.
fn single_messages(chunk: &Chunk, of: impl Fn(Framed<'_>) -> &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(chunk.frames.len() + 5 * chunk.envelopes as usize);
    for frame in frames(&chunk.frames).flatten() {
        let message = of(frame);
        out.extend_from_slice(&grpc::prefix(message.len()));
        out.extend_from_slice(message);
    }
    out.freeze()
}

/// The time for notices. Before 1970 and after 2262 it is 0.
pub(crate) fn unix_nanos() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}
