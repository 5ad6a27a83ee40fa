//! The queue of one subscriber: chunks of frames, bounded in bytes and in
//! envelopes, which drops its oldest chunk when it is full.

mod budget;
mod chunk;
mod inner;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::{
    generation::Generation,
    ledger::{Cause, Loss, QueueStats},
};
pub use budget::Budget;
use budget::quanta;
pub use chunk::{Chunk, Span};
use chunk::{chunk_of, pieces};
use inner::{Inner, State};

/// A chunk is closed once it holds this many bytes …
pub const CHUNK_BYTES: usize = 64 << 10;
/// … or this many envelopes: what a peer's batch holds.
pub const CHUNK_ENVELOPES: u32 = 100;
/// Runs of frames from this size on are shared by reference; smaller ones are
/// copied into the tail, so that they travel together and pin no large buffer.
const SHARE_FROM: usize = 8 << 10;
/// A reader that has more than this to read gets copies from then on. A shared run
/// keeps the whole read buffer that it lies in, which may be many times its size: a
/// reader that keeps up gives it back at once, one that stands still would hold a
/// multiple of its bounds.
const SHARE_UNTIL: usize = 1 << 20;

/// Bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Most bytes that wait.
    pub bytes: usize,
    /// Most envelopes that wait.
    pub envelopes: u64,
    /// Largest frame that this reader takes; larger ones are dropped and told.
    pub frame: usize,
}

/// What a reader gets when it asks: what it lost since it last asked, then the
/// oldest chunk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What was lost just before this chunk.
    pub loss: Option<Box<Loss>>,
    /// The chunk; absent only when the queue ended with a loss still untold.
    pub chunk: Option<Chunk>,
}

/// What a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Without it a loss stays where it is and adds up, so that a reader is not told
    /// of each chunk.
    pub tell: bool,
    /// The reader is not woken for less than this many bytes: it gathers.
    pub at_least: u64,
}

impl Terms {
    /// Whatever there is, as soon as it is there.
    pub const ANY: Terms = Terms {
        tell: true,
        at_least: 0,
    };
}

/// Chunks that a push or a close dropped, for the ledger of the hop.
#[must_use = "dropped chunks must be counted"]
#[derive(Debug, Default)]
pub struct Dropped {
    /// Runs of frames, with why they went.
    pub runs: Vec<(Cause, Bytes)>,
    /// What the frames are.
    pub generation: Generation,
}

/// A bounded queue of chunks with any number of writers and one reader.
///
/// Writers never wait: one short lock for each batch. Accounting happens under
/// the same lock, so that [`ChunkQueue::stats`] balances at every moment.
pub struct ChunkQueue {
    generation: Generation,
    limits: QueueLimits,
    budget: Arc<Budget>,
    /// Bytes that wait, readable without the lock: how loaded this reader is.
    load: AtomicUsize,
    inner: Mutex<Inner>,
}

impl ChunkQueue {
    /// An empty queue of V2 envelopes that takes its bytes from `budget` too.
    pub fn new(limits: QueueLimits, budget: Arc<Budget>) -> Self {
        Self::of(Generation::V2, limits, budget)
    }

    /// The same for envelopes of either generation.
    pub fn of(generation: Generation, limits: QueueLimits, budget: Arc<Budget>) -> Self {
        budget.queues.fetch_add(1, Ordering::Relaxed);
        Self {
            generation,
            limits,
            budget,
            load: AtomicUsize::new(0),
            inner: Mutex::new(Inner::new(generation)),
        }
    }

    /// A queue of its own, with no shared budget.
    pub fn alone(limits: QueueLimits) -> Self {
        Self::new(limits, Budget::new(usize::MAX))
    }

    /// Which envelopes it holds.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Adds every frame of a batch: `spans` are all its frames, in order.
    pub fn push_all(&self, batch: &Bytes, spans: &[Span]) -> Dropped {
        if spans.iter().any(|span| span.bytes() > self.limits.frame) {
            return self.push_each(batch, spans.iter().copied());
        }
        let large = match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => (last.end - first.start) as usize >= SHARE_FROM,
            _ => false,
        };
        // Copied before the lock is taken: others wait for it.
        let copies: Vec<Chunk> = if large && self.load() > SHARE_UNTIL {
            let copy = |piece| chunk_of(batch, piece).copied();
            pieces(spans).map(copy).collect()
        } else {
            Vec::new()
        };
        let mut inner = self.lock();
        if let Some(gone) = inner.refuse(batch, spans.iter().copied()) {
            return gone;
        }
        let before = inner.stats.queued_bytes;
        if !copies.is_empty() {
            for copy in copies {
                inner.sealed_by(copy);
            }
        } else if large {
            for piece in pieces(spans) {
                inner.sealed_by(chunk_of(batch, piece));
            }
        } else {
            for span in spans {
                inner.append(batch, *span);
            }
        }
        let dropped = inner.nothing_dropped();
        self.settle(inner, before, dropped)
    }

    /// Adds the frames of a batch that this reader wants; `wanted` are positions
    /// in `spans`, ascending.
    pub fn push_some(&self, batch: &Bytes, spans: &[Span], wanted: &[u32]) -> Dropped {
        self.push_each(
            batch,
            wanted.iter().map(|position| spans[*position as usize]),
        )
    }

    /// Adds one run of frames that is nobody else's, such as a converted batch. It has
    /// to be within the bounds of a chunk, unless it is a single envelope.
    pub fn push_chunk(&self, chunk: Chunk) -> Dropped {
        let mut inner = self.lock();
        if let Some(cause) = inner.refuses() {
            inner.stats.offered += u64::from(chunk.envelopes);
            return inner.drop_run(cause, chunk);
        }
        let before = inner.stats.queued_bytes;
        if chunk.frames.len() > self.limits.frame {
            inner.stats.offered += u64::from(chunk.envelopes);
            let dropped = inner.drop_run(Cause::TooLarge, chunk);
            return self.settle(inner, before, dropped);
        }
        if chunk.frames.len() >= SHARE_FROM {
            inner.sealed_by(chunk);
        } else {
            inner.append_run(&chunk.frames, chunk.envelopes, chunk.deprecated_tags);
        }
        let dropped = inner.nothing_dropped();
        self.settle(inner, before, dropped)
    }

    /// Counts envelopes that were taken but, as turned out, never arrived.
    pub fn lost_after_taking(&self, cause: Cause, chunk: &Chunk) {
        let mut inner = self.lock();
        inner.stats.taken -= u64::from(chunk.envelopes);
        inner.stats.dropped[cause.index()] += u64::from(chunk.envelopes);
        if inner.state != State::Closed {
            let loss = inner.loss.get_or_insert_default();
            loss.record_frames(self.generation, cause, &chunk.frames);
        }
    }

    /// A loss that was taken could not be told: it is told with the next.
    pub fn untold(&self, loss: &Loss) {
        let mut inner = self.lock();
        inner.loss.get_or_insert_default().add(loss);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Counts envelopes that were meant for this reader but cannot reach it.
    pub fn reject(&self, cause: Cause, source: &str, envelopes: u64) {
        let mut inner = self.lock();
        inner.stats.offered += envelopes;
        inner.stats.dropped[cause.index()] += envelopes;
        inner
            .loss
            .get_or_insert_default()
            .record(cause, source, envelopes);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn push_each(&self, batch: &Bytes, spans: impl Iterator<Item = Span> + Clone) -> Dropped {
        let mut inner = self.lock();
        if let Some(gone) = inner.refuse(batch, spans.clone()) {
            return gone;
        }
        let before = inner.stats.queued_bytes;
        let mut dropped = inner.nothing_dropped();
        for span in spans {
            if span.bytes() > self.limits.frame {
                let chunk = chunk_of(batch, &[span]);
                inner.stats.offered += 1;
                dropped
                    .runs
                    .append(&mut inner.drop_run(Cause::TooLarge, chunk).runs);
            } else {
                inner.append(batch, span);
            }
        }
        self.settle(inner, before, dropped)
    }

    /// Drops what is over the bounds, tells the budget, and wakes the reader.
    fn settle(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        before: u64,
        mut dropped: Dropped,
    ) -> Dropped {
        let known = dropped.runs.len();
        let limit = self.budget.limit(self.limits.bytes) as u64;
        while inner.stats.queued_bytes > limit || inner.stats.queued > self.limits.envelopes {
            // The newest chunk stays even if it alone is over the bounds: a queue
            // that refuses a large batch would never deliver it to anybody.
            if inner.sealed.len() + usize::from(inner.tail_envelopes > 0) <= 1 {
                break;
            }
            let Some(oldest) = inner.pop_oldest() else {
                break;
            };
            let cause = Cause::QueueFull;
            inner.stats.dropped[cause.index()] += u64::from(oldest.envelopes);
            dropped.runs.push((cause, oldest.frames));
        }
        self.note_load(before, inner.stats.queued_bytes);
        let gathered = inner.stats.queued > 0 && inner.stats.queued_bytes >= inner.wake_from;
        let has_news = gathered || inner.loss.is_some();
        let reader = if has_news { inner.reader.take() } else { None };
        let overflow = &dropped.runs[known..];
        inner.tallying += usize::from(!overflow.is_empty());
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        if !overflow.is_empty() {
            self.tally(overflow);
        }
        dropped
    }

    /// Finds out what was lost, which takes a walk through all of it, while others get
    /// the lock.
    fn tally(&self, overflow: &[(Cause, Bytes)]) {
        let mut lost = Loss::default();
        for (cause, run) in overflow {
            lost.record_frames(self.generation, *cause, run);
        }
        let mut inner = self.lock();
        inner.tallying -= 1;
        if inner.state != State::Closed {
            inner.loss.get_or_insert_default().add(&lost);
        }
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn note_load(&self, before: u64, after: u64) {
        self.load.store(
            usize::try_from(after).unwrap_or(usize::MAX),
            Ordering::Relaxed,
        );
        // The budget is one word for all queues: it is touched once in a while, not
        // for each small push.
        let (before, after) = (quanta(before), quanta(after));
        if after > before {
            self.budget
                .used
                .fetch_add(after - before, Ordering::Relaxed);
        } else if after < before {
            self.budget
                .used
                .fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    /// Takes the oldest chunk, with what was lost before it, on these terms. `None`
    /// once the queue has ended and is empty.
    pub fn poll_take(&self, context: &mut Context<'_>, terms: Terms) -> Poll<Option<Taken>> {
        let mut inner = self.lock();
        let open = inner.state == State::Open;
        let tell = terms.tell || !open;
        let enough = !open || inner.stats.queued_bytes >= terms.at_least;
        let told = tell && inner.loss.is_some();
        if (enough || told)
            && let Some(taken) = self.take_now(&mut inner, tell)
        {
            return Poll::Ready(Some(taken));
        }
        if !open && inner.tallying == 0 {
            return Poll::Ready(None);
        }
        inner.wait(context, terms.at_least);
        Poll::Pending
    }

    /// Waits until this many bytes are there, and takes nothing.
    pub fn poll_filled(&self, context: &mut Context<'_>, bytes: u64) -> Poll<()> {
        let mut inner = self.lock();
        if inner.stats.queued_bytes >= bytes || inner.state != State::Open {
            return Poll::Ready(());
        }
        inner.wait(context, bytes);
        Poll::Pending
    }

    /// Waits for the oldest chunk. `None` once the queue has ended and is empty.
    pub async fn take(&self) -> Option<Taken> {
        std::future::poll_fn(|context| self.poll_take(context, Terms::ANY)).await
    }

    /// The oldest chunk, if there is one now.
    pub fn try_take(&self) -> Option<Taken> {
        self.take_now(&mut self.lock(), true)
    }

    fn take_now(&self, inner: &mut Inner, tell: bool) -> Option<Taken> {
        let before = inner.stats.queued_bytes;
        let chunk = inner.pop_oldest();
        let loss = if tell { inner.loss.take() } else { None };
        if let Some(chunk) = &chunk {
            inner.stats.taken += u64::from(chunk.envelopes);
        }
        self.note_load(before, inner.stats.queued_bytes);
        (chunk.is_some() || loss.is_some()).then_some(Taken { loss, chunk })
    }

    /// Adds nothing more; the reader gets what is there, then `None`.
    pub fn end(&self) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.state = State::Ending;
        }
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The reader is gone: counts what is left as dropped for `cause`, and returns
    /// the final balance.
    pub fn close(&self, cause: Cause) -> (QueueStats, Dropped) {
        let mut inner = self.lock();
        let before = inner.stats.queued_bytes;
        let mut dropped = inner.nothing_dropped();
        while let Some(chunk) = inner.pop_oldest() {
            dropped.runs.append(&mut inner.drop_run(cause, chunk).runs);
        }
        inner.state = State::Closed;
        self.note_load(before, inner.stats.queued_bytes);
        let reader = inner.reader.take();
        let stats = inner.stats;
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        (stats, dropped)
    }

    /// The reader is gone, and its siblings take what is left: it counts as never
    /// offered to this queue. Returns the final balance.
    pub(crate) fn hand_over(&self) -> (QueueStats, Vec<Chunk>) {
        let mut inner = self.lock();
        let before = inner.stats.queued_bytes;
        let left: Vec<_> = std::iter::from_fn(|| inner.pop_oldest()).collect();
        for chunk in &left {
            inner.stats.offered -= u64::from(chunk.envelopes);
        }
        inner.state = State::Closed;
        self.note_load(before, inner.stats.queued_bytes);
        (inner.stats, left)
    }

    /// The balance at this moment.
    pub fn stats(&self) -> QueueStats {
        self.lock().stats
    }

    /// Bytes that wait, without taking the lock: how loaded the reader is.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under this lock would be a bug in this file; the queue's state
        // is consistent between statements, and other readers must go on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ChunkQueue {
    fn drop(&mut self) {
        let left = self.lock().stats.queued_bytes;
        self.note_load(left, 0);
        self.budget.queues.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
