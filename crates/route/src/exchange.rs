//! The exchange: publishers on one side, subscriptions on the other, and a
//! swapped index between them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use logweir_proto::{frames::frames, v2};

use crate::{
    admit::{self, Admitted},
    index::Index,
    ledger::{Cause, Loss, LossTotals, QueueStats},
    publisher::Publisher,
    queue::{Budget, Chunk, ChunkQueue, Dropped, QueueLimits, Span, Taken, Terms},
    selector::Selector,
};

/// Bounds of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeLimits {
    /// Bounds of each subscriber's queue.
    pub queue: QueueLimits,
    /// Bytes that may wait in all queues together.
    pub total_bytes: usize,
}

/// A request to subscribe.
#[derive(Clone, Debug, Default)]
pub struct SubscribeRequest {
    /// What is wanted. None: nothing is ever delivered.
    pub selectors: Vec<Selector>,
    /// Readers of one selector and one shard id share its envelopes. Empty: none.
    pub shard: String,
    /// Orders the members of a shard group; metric names then decide who gets
    /// what. Empty: the least loaded member does.
    pub deterministic_name: String,
    /// Largest frame this reader takes; `None`: the exchange's bound.
    pub frame: Option<usize>,
}

impl SubscribeRequest {
    /// Reads a reader's request off the wire as a router does.
    pub fn from_wire(request: &v2::EgressBatchRequest) -> Self {
        Self {
            selectors: Selector::all_from_wire(&request.selectors),
            shard: request.shard_id.clone(),
            deterministic_name: request.deterministic_name.clone(),
            frame: None,
        }
    }
}

/// One reader as the index sees it.
pub(crate) struct Subscriber {
    /// Younger ones have higher numbers.
    pub(crate) id: u64,
    pub(crate) selectors: Vec<Selector>,
    pub(crate) shard: Box<str>,
    pub(crate) deterministic_name: Box<str>,
    pub(crate) queue: Arc<ChunkQueue>,
}

/// What came in through one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngressStats {
    /// Envelopes that were received, malformed ones included.
    pub ingress: u64,
    /// Bytes of the frames received.
    pub bytes: u64,
    /// Envelopes that nobody wanted.
    pub unmatched: u64,
    /// Frames that were no envelope: dropped.
    pub malformed: u64,
    /// Envelopes whose invalid UTF-8 was replaced.
    pub sanitized: u64,
}

/// The whole balance of an exchange.
#[derive(Clone, Debug)]
pub struct ExchangeStats {
    /// What came in.
    pub ingress: IngressStats,
    /// Subscriptions at this moment.
    pub subscriptions: usize,
    /// All queues together, those of readers that left included:
    /// `offered = taken + dropped + queued`.
    pub queues: QueueStats,
}

/// What a subscribe or unsubscribe changes, besides the index that it swaps.
#[derive(Default)]
struct Registry {
    next: u64,
    count: usize,
    /// Slots below the highest that are free again.
    free: Vec<u32>,
    /// Balance of the queues whose readers left.
    retired: QueueStats,
    ended: bool,
}

/// Routes batches of envelopes to subscriptions.
pub struct Exchange {
    limits: ExchangeLimits,
    budget: Arc<Budget>,
    index: ArcSwap<Index>,
    registry: Mutex<Registry>,
    ingress: Mutex<IngressStats>,
    losses: Mutex<LossTotals>,
}

impl Exchange {
    /// An exchange without subscriptions.
    pub fn new(limits: ExchangeLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            budget: Budget::new(limits.total_bytes),
            index: ArcSwap::from_pointee(Index::default()),
            registry: Mutex::default(),
            ingress: Mutex::default(),
            losses: Mutex::default(),
        })
    }

    /// Adds a reader. It gets what is admitted from now on.
    pub fn subscribe(self: &Arc<Self>, request: SubscribeRequest) -> Subscription {
        let mut limits = self.limits.queue;
        limits.frame = request.frame.unwrap_or(limits.frame);
        let queue = Arc::new(ChunkQueue::new(limits, Arc::clone(&self.budget)));
        let mut registry = self.registry();
        let id = registry.next;
        registry.next += 1;
        let highest = u32::try_from(registry.count).unwrap_or(u32::MAX);
        let slot = registry.free.pop().unwrap_or(highest);
        registry.count += 1;
        let member = Arc::new(Subscriber {
            id,
            selectors: request.selectors,
            shard: request.shard.into(),
            deterministic_name: request.deterministic_name.into(),
            queue: Arc::clone(&queue),
        });
        if registry.ended {
            queue.end();
        }
        let index = self.index.load();
        self.index.store(Arc::new(index.with(slot, member)));
        Subscription {
            exchange: Arc::clone(self),
            id,
            slot,
            queue,
        }
    }

    fn unsubscribe(&self, id: u64, slot: u32) {
        let mut registry = self.registry();
        let index = self.index.load();
        let Some(member) = index.members.get(slot).filter(|member| member.id == id) else {
            return;
        };
        registry.free.push(slot);
        registry.count -= 1;
        self.index.store(Arc::new(index.without(slot)));
        let cause = if registry.ended {
            Cause::Shutdown
        } else {
            Cause::ReaderGone
        };
        // A publisher that still holds the old index finds the queue closed, and
        // its envelopes are added by `record`.
        let (stats, dropped) = member.queue.close(cause);
        registry.retired.add(&stats);
        drop(registry);
        self.record_losses(&dropped);
    }

    /// Ends every subscription: readers get what is queued, then the end.
    pub fn end(&self) {
        let mut registry = self.registry();
        registry.ended = true;
        for member in self.index.load().members.iter() {
            member.queue.end();
        }
    }

    /// The subscriptions of this moment.
    pub(crate) fn index(&self) -> arc_swap::Guard<Arc<Index>> {
        self.index.load()
    }

    /// A handle that publishes. Each ingress stream has its own.
    pub fn publisher(self: &Arc<Self>) -> Publisher {
        Publisher::new(Arc::clone(self))
    }

    /// The balance at this moment. The queues' part balances exactly, also while
    /// readers come and go.
    pub fn stats(&self) -> ExchangeStats {
        let registry = self.registry();
        let mut queues = registry.retired;
        for member in self.index.load().members.iter() {
            queues.add(&member.queue.stats());
        }
        let subscriptions = registry.count;
        drop(registry);
        ExchangeStats {
            ingress: *self.ingress(),
            subscriptions,
            queues,
        }
    }

    /// Balance of each live subscription, for dumps: id, shard id, balance.
    pub fn subscriptions(&self) -> Vec<(u64, Box<str>, QueueStats)> {
        let index = self.index.load();
        let members = index.members.iter();
        members
            .map(|member| (member.id, member.shard.clone(), member.queue.stats()))
            .collect()
    }

    /// What was lost here, by cause and by source. Held while it is read.
    pub fn losses(&self) -> MutexGuard<'_, LossTotals> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what came in: bytes of frames, envelopes that nobody wants, and what
    /// the door found.
    pub fn count_in(&self, bytes: usize, unmatched: u64, admitted: Admitted) {
        {
            let mut ingress = self.ingress();
            ingress.ingress += admitted.envelopes;
            ingress.bytes += bytes as u64;
            ingress.unmatched += unmatched;
            ingress.malformed += admitted.malformed;
            ingress.sanitized += admitted.sanitized;
        }
        if admitted.malformed > 0 {
            self.losses()
                .record(Cause::Malformed, "", admitted.malformed);
        }
    }

    /// Counts envelopes that the door turned away.
    pub fn count_dropped(&self, cause: Cause, source: &str, envelopes: u64) {
        self.losses().record(cause, source, envelopes);
    }

    fn record_losses(&self, dropped: &Dropped) {
        let mut losses = self.losses();
        for (cause, run) in &dropped.runs {
            losses.record_frames(*cause, run);
        }
    }

    /// Counts what was pushed into a queue that closed while it was being pushed.
    fn record_late(&self, envelopes: u64) {
        let mut registry = self.registry();
        registry.retired.offered += envelopes;
        registry.retired.dropped[Cause::ReaderGone.index()] += envelopes;
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ingress(&self) -> MutexGuard<'_, IngressStats> {
        self.ingress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's end of its queue. Dropping it unsubscribes, and counts what was
/// still queued.
pub struct Subscription {
    exchange: Arc<Exchange>,
    id: u64,
    slot: u32,
    queue: Arc<ChunkQueue>,
}

impl Subscription {
    /// See [`ChunkQueue::poll_take`].
    pub fn poll_take(&self, context: &mut Context<'_>, terms: Terms) -> Poll<Option<Taken>> {
        self.queue.poll_take(context, terms)
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
        self.exchange.losses().record_frames(cause, &chunk.frames);
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

    /// Checks a batch as [`Publisher::publish`] does and queues all of it.
    pub fn feed(&mut self, batch: Bytes) -> Admitted {
        let bytes = batch.len();
        let (batch, admitted) = admit::admit(batch, &mut self.spans);
        self.exchange.count_in(bytes, 0, admitted);
        let dropped = self.queue.push_all(&batch, &self.spans);
        self.exchange.record_drops(&dropped);
        admitted
    }

    /// Queues a chunk that was checked and converted already; its ingress is
    /// counted by [`Exchange::count_in`].
    pub fn push(&self, chunk: Chunk) {
        let dropped = self.queue.push_chunk(chunk);
        self.exchange.record_drops(&dropped);
    }
}

impl Exchange {
    /// Adds what one push dropped to the ledger. Frames refused by a queue whose
    /// reader had just left are not in any live balance, so they are added to the
    /// one of the readers that left.
    pub(crate) fn record_drops(&self, dropped: &Dropped) {
        if dropped.runs.is_empty() {
            return;
        }
        let late: u64 = dropped
            .runs
            .iter()
            .filter(|(cause, _)| *cause == Cause::ReaderGone)
            .map(|(_, run)| frames(run).count() as u64)
            .sum();
        if late > 0 {
            self.record_late(late);
        }
        self.record_losses(dropped);
    }
}

#[cfg(test)]
mod tests;
