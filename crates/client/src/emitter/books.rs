//! The emitter's balance beyond its queue: what is on its way, what arrived, what
//! a broken connection took with it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use logweir_route::{
    Cause, Chunk, ChunkQueue, Generation, Loss, QueueStats, Terms,
    ledger::{ByCause, causes},
};

/// The balance of an emitter, in envelopes.
///
/// `emitted = sent + in_flight + queued + dropped` holds in every snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmitStats {
    /// Handed to the emitter.
    pub emitted: u64,
    /// Taken by the peer: it ended the stream that carried them in good order.
    pub sent: u64,
    /// Written to the connection, not yet answered for.
    pub in_flight: u64,
    /// Waiting for the connection.
    pub queued: u64,
    /// Lost, by cause: `queue_full`, `connection_lost` (the connection broke while
    /// they were on their way; some may have arrived), `too_large`, `shutdown`.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl EmitStats {
    /// All drops together.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// Counts of streams. One stream is open at a time; each has a number, so that the
/// body of one that is over takes nothing more.
#[derive(Default)]
pub(super) struct Books {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sent: u64,
    lost: u64,
    /// Refused before they reached the queue.
    rejected: ByCause,
    /// Number of the open stream.
    stream: u64,
    /// What the open stream carries, once it carries something.
    flight: Option<Flight>,
    /// What no notice has told yet.
    untold: Loss,
}

struct Flight {
    /// Position in the queue of its first envelope.
    from: u64,
    envelopes: u64,
    /// The same envelopes by source, should the connection break.
    loss: Loss,
    /// What its notices tell; untold again should the connection break.
    told: Loss,
}

/// What the body of a stream found in the queue.
pub(super) enum Took {
    /// A chunk to send; `first` of its stream.
    Chunk { chunk: Chunk, first: bool },
    /// Nothing now.
    Nothing,
    /// Nothing ever again on this stream.
    Over,
}

impl Books {
    /// The number of a new stream. The one before it must be over.
    pub(super) fn open(&self) -> u64 {
        self.lock().stream
    }

    /// Takes the oldest chunk for the stream of this number. What the queue lost
    /// before it is noted, to be told.
    pub(super) fn take(&self, stream: u64, queue: &ChunkQueue, context: &mut Context<'_>) -> Took {
        let mut inner = self.lock();
        if inner.stream != stream {
            return Took::Over;
        }
        loop {
            // Read before taking: drops in between only make it too small, and a
            // flush that waits for it then waits for the whole flight.
            let head = head(&queue.stats());
            let taken = match queue.poll_take(context, Terms::ANY) {
                Poll::Ready(Some(taken)) => taken,
                Poll::Ready(None) => return Took::Over,
                Poll::Pending => return Took::Nothing,
            };
            if let Some(loss) = &taken.loss {
                merge(&mut inner.untold, loss);
            }
            let Some(chunk) = taken.chunk else { continue };
            let first = inner.flight.is_none();
            let flight = inner.flight(head);
            flight.envelopes += u64::from(chunk.envelopes);
            flight
                .loss
                .record_frames(Generation::V2, Cause::ConnectionLost, &chunk.frames);
            return Took::Chunk { chunk, first };
        }
    }

    /// Counts an envelope that never reaches the queue.
    pub(super) fn reject(&self, cause: Cause, source: &str) {
        let mut inner = self.lock();
        inner.rejected[cause.index()] += 1;
        inner.untold.record(cause, source, 1);
    }

    /// What is to be told; the stream of this number carries it now.
    pub(super) fn tell(&self, stream: u64, queue: &ChunkQueue) -> Option<Loss> {
        let mut inner = self.lock();
        if inner.stream != stream || inner.untold.is_empty() {
            return None;
        }
        let loss = std::mem::take(&mut inner.untold);
        let head = head(&queue.stats());
        merge(&mut inner.flight(head).told, &loss);
        Some(loss)
    }

    /// The open stream ended well: the peer has all that it carried.
    pub(super) fn arrive(&self) {
        let mut inner = self.lock();
        inner.stream += 1;
        if let Some(flight) = inner.flight.take() {
            inner.sent += flight.envelopes;
        }
    }

    /// The open stream broke: what it carried may be lost, and is told as such.
    pub(super) fn fail(&self) {
        let mut inner = self.lock();
        inner.stream += 1;
        if let Some(flight) = inner.flight.take() {
            inner.lost += flight.envelopes;
            merge(&mut inner.untold, &flight.loss);
            merge(&mut inner.untold, &flight.told);
        }
    }

    /// Whether something waits to be told.
    pub(super) fn has_untold(&self) -> bool {
        !self.lock().untold.is_empty()
    }

    /// Every envelope that entered the queue before this position is delivered or
    /// dropped.
    pub(super) fn settled(&self, queue: &ChunkQueue) -> u64 {
        let inner = self.lock();
        match &inner.flight {
            Some(flight) => flight.from,
            None => head(&queue.stats()),
        }
    }

    /// The balance.
    pub(super) fn stats(&self, queue: &ChunkQueue) -> EmitStats {
        let inner = self.lock();
        let queue = queue.stats();
        let mut lost = ByCause::default();
        lost[Cause::ConnectionLost.index()] = inner.lost;
        let mut dropped = BTreeMap::new();
        for counts in [&queue.dropped, &inner.rejected, &lost] {
            for (cause, count) in causes(counts) {
                *dropped.entry(cause.name()).or_default() += count;
            }
        }
        EmitStats {
            emitted: queue.offered + inner.rejected.iter().sum::<u64>(),
            sent: inner.sent,
            in_flight: inner.flight.as_ref().map_or(0, |flight| flight.envelopes),
            queued: queue.queued,
            dropped,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The counts are whole between statements, whatever panicked elsewhere.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many envelopes have left the queue, at its front.
fn head(stats: &QueueStats) -> u64 {
    stats.taken + stats.dropped_total()
}

impl Inner {
    fn flight(&mut self, head: u64) -> &mut Flight {
        self.flight.get_or_insert_with(|| Flight {
            from: head,
            envelopes: 0,
            loss: Loss::default(),
            told: Loss::default(),
        })
    }
}

fn merge(into: &mut Loss, more: &Loss) {
    for (source, counts) in &more.sources {
        for (cause, count) in Cause::ALL.into_iter().zip(counts) {
            if *count > 0 {
                into.record(cause, source, *count);
            }
        }
    }
    for (index, count) in more.rest.iter().enumerate() {
        into.rest[index] += count;
        into.by_cause[index] += count;
    }
}
