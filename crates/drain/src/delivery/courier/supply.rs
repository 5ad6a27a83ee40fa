//! What a drain takes from: its queue, or the spool behind it.

use std::{
    future::poll_fn,
    sync::atomic::Ordering::Relaxed,
    task::Poll,
    time::{Duration, SystemTime},
};

use logweir_route::{Cause, Chunk, Taken};
use tokio::time::{Instant, sleep_until};

use super::Courier;
use crate::delivery::store::Store;

impl Courier {
    /// Puts the spool between queue and delivery, if the drain is to have one.
    pub(in crate::delivery) async fn open_store(&mut self) {
        if !self.exit.spools() {
            return;
        }
        let Some(settings) = &self.with.spool else {
            let id = self.exit.id();
            tracing::warn!(drain = %id, "a spool is asked for, but there is no directory for spools");
            return;
        };
        let store = Store::open(settings, self.exit.id()).await;
        let abort = self.with.shutdown.abort.clone();
        let feed = store
            .clone()
            .feed(self.queue.clone(), self.shared.stop.clone());
        self.with.shutdown.tracker.spawn(async move {
            tokio::select! {
                () = feed => {}
                () = abort.cancelled() => {}
            }
        });
        let _ = self.shared.store.set(store.clone());
        self.store = Some(store);
    }

    /// Bytes that wait.
    pub(in crate::delivery) fn load(&self) -> u64 {
        match &self.store {
            None => self.queue.load() as u64,
            Some(store) => store.unread(),
        }
    }

    /// Waits until so many bytes wait or no more find room, or there will be no more, or the
    /// drain is unbound.
    pub(in crate::delivery) async fn until_filled(&mut self, bytes: u64) {
        if let Some(store) = &self.store {
            store.until_filled(bytes).await;
            self.ended = store.is_closed() && store.unread() == 0;
            return;
        }
        let queue = &self.queue;
        // A queue may be full before: who is behind it is woken by what it drops.
        let full = || queue.stats().dropped[Cause::QueueFull.index()];
        let before = full();
        let filled = poll_fn(|context| match queue.poll_filled(context, bytes) {
            Poll::Pending if full() > before => Poll::Ready(()),
            state => state,
        });
        if self.goal.is_some() {
            filled.await;
            self.ended = self.queue.load() == 0;
            return;
        }
        tokio::select! {
            () = filled => self.ended = self.queue.load() == 0,
            () = self.shared.stop.cancelled() => self.goal = Some(self.queue.stats().offered),
        }
    }

    /// Takes what waits until the batch has so many bytes or nothing waits.
    pub(in crate::delivery) async fn fill(&mut self, bytes: usize) {
        if let Some(store) = self.store.clone() {
            self.settle_store().await;
            if self.batch.len() < bytes && store.unread() > 0 {
                for chunk in store.take(bytes - self.batch.len()).await {
                    self.add_named(chunk).await;
                }
            }
            return self.note_in_hand();
        }
        let missing = bytes.saturating_sub(self.batch.len());
        self.batch.expect(missing.min(self.queue.load()));
        while self.batch.len() < bytes {
            let Some(Taken { loss, chunk }) = self.queue.try_take() else {
                break;
            };
            if loss.is_some() {
                self.tell.lost();
                self.owed.note(SystemTime::now());
            }
            if let Some(chunk) = chunk {
                self.add_named(chunk).await;
            }
        }
        self.note_in_hand();
    }

    /// The same until the batch is full, or the first of it has waited so long for others. They
    /// wait in the queue: what is taken and made into messages is there twice, and drains are
    /// many.
    pub(in crate::delivery) async fn gather(&mut self, full: usize, interval: Duration) {
        let begun = Instant::now();
        // What is left of a batch has not waited yet.
        let since = match self.batch.is_rest() {
            true => begun,
            false => self.batch.since().unwrap_or(begun),
        };
        let end = since + interval;
        self.settle_store().await;
        loop {
            let waiting = self.load();
            let missing = full.saturating_sub(self.batch.len());
            if missing == 0 || (waiting == 0 && self.batch.is_empty()) {
                return;
            }
            // Header and quotes make a message somewhat longer than its envelope.
            let enough = (missing as u64 * 4 / 5).max(1);
            if Instant::now() >= end || self.is_ending() {
                return self.fill(full).await;
            }
            if waiting >= enough {
                self.fill(full).await;
                if self.load() >= waiting {
                    return;
                }
                continue;
            }
            tokio::select! {
                () = self.until_filled(enough) => {
                    if self.load() < enough {
                        return self.fill(full).await;
                    }
                }
                () = sleep_until(end) => {}
            }
        }
    }

    /// Waits, but not for long, for the names that the envelopes lack.
    async fn add_named(&mut self, chunk: Chunk) {
        if let Some(names) = &self.form.names {
            let frames = self.unnamed.insert(chunk).frames.clone();
            names.ready(&frames).await;
            self.add_unnamed();
        } else {
            self.add(chunk);
        }
    }

    /// What waits for names goes as it is.
    pub(in crate::delivery) fn add_unnamed(&mut self) {
        if let Some(chunk) = self.unnamed.take() {
            self.add(chunk);
        }
    }

    fn add(&mut self, chunk: Chunk) {
        let added = self.batch.add(chunk, &self.form, Instant::now());
        self.shared.newest.store(added.newest, Relaxed);
        self.tell.seen(added.own);
        if added.sanitised > 0 {
            let sanitised = added.sanitised as u64;
            self.shared.sanitised.fetch_add(sanitised, Relaxed);
        }
        self.note(added.through);
    }

    /// Notes on the disk what is delivered, and what was refused for good.
    pub(in crate::delivery) async fn settle_store(&mut self) {
        let finished = self.batch.take_finished();
        if let Some(store) = &self.store
            && (finished > 0 || !self.refused.is_empty())
        {
            let refused = std::mem::take(&mut self.refused);
            store.settled(refused, finished).await;
        }
    }
}
