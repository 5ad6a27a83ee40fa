//! The exchange: publishers on one side, subscriptions on the other, and a
//! swapped index between them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use logweir_proto::{frames::frames, v2};

use crate::{
    admit::Admitted,
    generation::Generation,
    in_flight::{InFlight, Replaced},
    index::{Index, Wishes},
    ledger::{Cause, LossTotals, QueueStats},
    publisher::Publisher,
    queue::{Budget, ChunkQueue, Dropped, QueueLimits},
    selector::Selector,
    subscription::Subscription,
    tap::Tapped,
    v1::Converter,
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
    pub(crate) wishes: Wishes,
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
    /// Indexes of before, which publishers may still hold.
    replaced: Replaced,
    ended: bool,
}

/// Routes batches of envelopes to subscriptions.
pub struct Exchange {
    limits: ExchangeLimits,
    converter: Option<Converter>,
    budget: Arc<Budget>,
    index: ArcSwap<Index>,
    registry: Mutex<Registry>,
    ingress: Mutex<IngressStats>,
    losses: Mutex<LossTotals>,
}

impl Exchange {
    /// An exchange without subscriptions, each generation for itself.
    pub fn new(limits: ExchangeLimits) -> Arc<Self> {
        Self::build(limits, None)
    }

    /// An exchange without subscriptions, in which each generation reaches the readers
    /// of the other.
    pub fn of_both(limits: ExchangeLimits, converter: Converter) -> Arc<Self> {
        Self::build(limits, Some(converter))
    }

    fn build(limits: ExchangeLimits, converter: Option<Converter>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            converter,
            budget: Budget::new(limits.total_bytes),
            index: ArcSwap::from_pointee(Index::default()),
            registry: Mutex::default(),
            ingress: Mutex::default(),
            losses: Mutex::default(),
        })
    }

    /// Adds a reader. It gets what is admitted from now on.
    pub fn subscribe(self: &Arc<Self>, request: SubscribeRequest) -> Subscription {
        let wishes = Wishes::V2(request.selectors);
        let (shard, name) = (request.shard.into(), request.deterministic_name.into());
        self.add(Generation::V2, wishes, shard, name, request.frame)
    }

    pub(crate) fn add(
        self: &Arc<Self>,
        generation: Generation,
        wishes: Wishes,
        shard: Box<str>,
        deterministic_name: Box<str>,
        frame: Option<usize>,
    ) -> Subscription {
        let mut limits = self.limits.queue;
        limits.frame = frame.unwrap_or(limits.frame);
        let budget = Arc::clone(&self.budget);
        let queue = Arc::new(ChunkQueue::of(generation, limits, budget));
        let mut registry = self.registry();
        let id = registry.next;
        registry.next += 1;
        let highest = u32::try_from(registry.count).unwrap_or(u32::MAX);
        let slot = registry.free.pop().unwrap_or(highest);
        registry.count += 1;
        let member = Arc::new(Subscriber {
            id,
            wishes,
            shard,
            deterministic_name,
            queue: Arc::clone(&queue),
        });
        if registry.ended {
            queue.end();
        }
        let index = self.index.load();
        self.replace(&mut registry, Arc::new(index.with(slot, member)));
        Subscription::new(Arc::clone(self), id, slot, queue)
    }

    pub(crate) fn unsubscribe(&self, id: u64, slot: u32) {
        let mut registry = self.registry();
        let index = self.index.load();
        let Some(member) = index.members.get(slot).filter(|member| member.id == id) else {
            return;
        };
        registry.free.push(slot);
        registry.count -= 1;
        let without = Arc::new(index.without(slot));
        self.replace(&mut registry, Arc::clone(&without));
        let siblings = without.siblings(member);
        // A publisher that still holds the old index finds the queue closed, and
        // its envelopes are added by `record`.
        if !registry.ended && !siblings.is_empty() {
            let (stats, left) = member.queue.hand_over();
            registry.retired.add(&stats);
            let dropped: Vec<_> = left
                .into_iter()
                .filter_map(|chunk| {
                    let queues = siblings
                        .iter()
                        .filter_map(|slot| without.members.get(*slot));
                    let heir = queues.min_by_key(|heir| heir.queue.load())?;
                    Some(heir.queue.push_chunk(chunk))
                })
                .collect();
            drop(registry);
            for dropped in dropped {
                self.record_losses(&dropped);
            }
            return;
        }
        let cause = if registry.ended {
            Cause::Shutdown
        } else {
            Cause::ReaderGone
        };
        let (stats, dropped) = member.queue.close(cause);
        registry.retired.add(&stats);
        drop(registry);
        self.record_losses(&dropped);
    }

    pub(crate) fn change_taps(&self, change: impl FnOnce(&mut Vec<Arc<Tapped>>)) {
        let mut registry = self.registry();
        let mut index = Index::clone(&self.index.load());
        change(&mut index.taps);
        self.replace(&mut registry, Arc::new(index));
    }

    fn replace(&self, registry: &mut Registry, index: Arc<Index>) {
        registry.replaced.add(&self.index.swap(index));
    }

    /// What is being published to the subscribers of before. Once it is over, all that
    /// was not given to a subscription of now is in every tap.
    pub fn in_flight(&self) -> InFlight {
        self.registry().replaced.held()
    }

    /// The way between the generations, if there is one here.
    pub(crate) fn converter(&self) -> Option<Converter> {
        self.converter
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

    pub(crate) fn record_losses(&self, dropped: &Dropped) {
        // The walk through the frames comes before the lock, which all publishers share.
        let mut lost: Vec<(Cause, Cow<'_, str>, u64)> = Vec::new();
        for (cause, run) in &dropped.runs {
            dropped.generation.for_each_envelope(run, |source, _| {
                match lost
                    .last_mut()
                    .filter(|last| last.0 == *cause && last.1 == source)
                {
                    Some(last) => last.2 += 1,
                    None => lost.push((*cause, source, 1)),
                }
            });
        }
        let mut losses = self.losses();
        for (cause, source, envelopes) in &lost {
            losses.record(*cause, source, *envelopes);
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

impl Exchange {
    /// Adds what one push dropped to the ledger, and says whether a queue overflowed. Frames refused by a queue whose
    /// reader had just left are not in any live balance, so they are added to the
    /// one of the readers that left.
    pub(crate) fn record_drops(&self, dropped: &Dropped) -> bool {
        if dropped.runs.is_empty() {
            return false;
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
        let mut runs = dropped.runs.iter();
        runs.any(|(cause, _)| *cause == Cause::QueueFull)
    }
}

#[cfg(test)]
mod tests;
