//! A reader's end of its queue, and what fills it past the index.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::{
    admit::{self, Admitted},
    exchange::Exchange,
    ledger::{Cause, Loss, QueueStats},
    queue::{Chunk, ChunkQueue, Dropped, Span, Taken, Terms},
};

/// A reader's end of its queue. Dropping it unsubscribes, and counts what was
/// still queued.
pub struct Subscription {
    exchange: Arc<Exchange>,
    id: u64,
    slot: u32,
    queue: Arc<ChunkQueue>,
}

impl Subscription {
    pub(crate) fn new(exchange: Arc<Exchange>, id: u64, slot: u32, queue: Arc<ChunkQueue>) -> Self {
        Self {
            exchange,
            id,
            slot,
            queue,
        }
    }

    /// See [`ChunkQueue::poll_take`].
    pub fn poll_take(&self, context: &mut Context<'_>, terms: Terms) -> Poll<Option<Taken>> {
        self.queue.poll_take(context, terms)
    }

    /// See [`ChunkQueue::poll_filled`].
    pub fn poll_filled(&self, context: &mut Context<'_>, bytes: u64) -> Poll<()> {
        self.queue.poll_filled(context, bytes)
    }

    /// See [`ChunkQueue::take`].
    pub async fn take(&self) -> Option<Taken> {
        self.queue.take().await
    }

    /// See [`ChunkQueue::try_take`].
    pub fn try_take(&self) -> Option<Taken> {
        self.queue.try_take()
    }

    /// Bytes that wait for this reader.
    pub fn load(&self) -> usize {
        self.queue.load()
    }

    /// Counts a chunk that was taken but, as turned out, never arrived.
    pub fn lost_after_taking(&self, cause: Cause, chunk: &Chunk) {
        self.queue.lost_after_taking(cause, chunk);
        self.exchange.record_losses(&Dropped {
            runs: vec![(cause, chunk.frames.clone())],
            generation: self.queue.generation(),
        });
    }

    /// A loss that was taken could not be told: it is told with the next.
    pub fn untold(&self, loss: &Loss) {
        self.queue.untold(loss);
    }

    /// Unsubscribes now, and counts what was still queued.
    pub fn leave(&self) {
        self.exchange.unsubscribe(self.id, self.slot);
    }

    /// A handle that fills this queue directly, past the index: for hops whose
    /// envelopes come in for one reader already.
    pub fn feeder(&self) -> Feeder {
        Feeder {
            exchange: Arc::clone(&self.exchange),
            queue: Arc::clone(&self.queue),
            spans: Vec::new(),
        }
    }

    /// The balance of this reader's queue.
    pub fn stats(&self) -> QueueStats {
        self.queue.stats()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Fills the queue of one subscription directly.
pub struct Feeder {
    exchange: Arc<Exchange>,
    queue: Arc<ChunkQueue>,
    spans: Vec<Span>,
}

impl Feeder {
    /// Another handle on the same queue, for another stream that fills it.
    pub fn another(&self) -> Self {
        Self {
            exchange: Arc::clone(&self.exchange),
            queue: Arc::clone(&self.queue),
            spans: Vec::new(),
        }
    }

    /// Checks a batch as a [`Publisher`](crate::Publisher) does and queues all of it.
    /// It has to be of the queue's generation.
    pub fn feed(&mut self, batch: Bytes) -> Admitted {
        let bytes = batch.len();
        let (batch, admitted) = admit::admit(self.queue.generation(), batch, &mut self.spans);
        self.exchange.count_in(bytes, 0, admitted);
        let dropped = self.queue.push_all(&batch, &self.spans);
        self.exchange.record_drops(&dropped);
        admitted
    }

    /// Queues a chunk that was checked and converted already; its ingress is
    /// counted by [`Exchange::count_in`]. True if the queue overflowed: see
    /// [`Publisher::overflowed`](crate::Publisher::overflowed).
    pub fn push(&self, chunk: Chunk) -> bool {
        let dropped = self.queue.push_chunk(chunk);
        self.exchange.record_drops(&dropped)
    }
}
