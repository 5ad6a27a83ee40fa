//! The task of one drain: waits for its queue, has a connection deliver it, and tries again
//! after failures.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use logweir_net::backoff::Backoff;
use logweir_route::{Cause, Chunk, Subscription, Taken};
use logweir_wire::syslog::Style;
use tokio::time::{Instant, sleep};

use super::{
    Delivery, DrainState, Failure, Shared,
    batch::{Batch, Form, Framing, Progress},
    http,
    store::Store,
    stream,
    tell::Tell,
    udp,
};
use crate::{drain::Drain, url::Scheme};

/// A connection that lived this long was a good one: what comes after it starts over.
const LIVED: Duration = Duration::from_secs(5);

/// A receiver that asks to be left alone longer than this is asked again after it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// The owner of a drain.
pub(super) struct Courier {
    pub(super) drain: Arc<Drain>,
    pub(super) queue: Arc<Subscription>,
    pub(super) shared: Arc<Shared>,
    pub(super) with: Arc<Delivery>,
    pub(super) form: Form,
    pub(super) batch: Batch,
    tell: Tell,
    backoff: Backoff,
    /// When the last connection was opened.
    connected: Option<Instant>,
    store: Option<Arc<Store>>,
    /// The queue has ended, and nothing is in it.
    ended: bool,
    /// The last connection ended as soon as it was opened.
    dubious: bool,
    /// The drain is unbound: it ends once so many envelopes of its queue are settled.
    goal: Option<u64>,
}

impl Courier {
    pub(super) fn new(
        drain: Arc<Drain>,
        queue: Arc<Subscription>,
        shared: Arc<Shared>,
        with: Arc<Delivery>,
    ) -> Self {
        let framing = match drain.url.scheme() {
            Scheme::Syslog | Scheme::SyslogTls => Framing::OctetCounted,
            Scheme::SyslogUdp | Scheme::Https | Scheme::HttpsBatch => Framing::Bare,
        };
        let form = Form {
            style: Style {
                hostname: drain.hostname().to_owned(),
                metadata: drain.url.params().metadata,
            },
            filter: drain.filter(),
            framing,
        };
        let settings = &with.settings;
        Self {
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            drain,
            queue,
            shared,
            form,
            with,
            batch: Batch::default(),
            tell: Tell::default(),
            connected: None,
            store: None,
            ended: false,
            dubious: false,
            goal: None,
        }
    }

    /// Delivers until the queue has ended or the drain is unbound.
    pub(super) async fn run(mut self) {
        let with = self.with.clone();
        let shared = self.shared.clone();
        let unbound = async {
            shared.stop.cancelled().await;
            sleep(with.settings.flush).await;
        };
        let cause = tokio::select! {
            () = self.work() => Cause::ReaderGone,
            () = with.shutdown.abort.cancelled() => Cause::Shutdown,
            () = unbound => Cause::ReaderGone,
        };
        self.end(cause);
    }

    /// Puts the spool between queue and delivery, if the drain is to have one.
    async fn open_store(&mut self) {
        let url = &self.drain.url;
        if !url.params().spool {
            return;
        }
        let Some(settings) = &self.with.spool else {
            let id = &self.drain.id;
            tracing::warn!(drain = %id, "logweir-spool=true, but there is no directory for spools");
            return;
        };
        let store = Store::open(settings, &self.drain.id).await;
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

    async fn work(&mut self) {
        Box::pin(self.open_store()).await;
        while self.wait().await {
            // Boxed, so that a drain that is idle does not hold the room for it.
            let session: Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> =
                match self.drain.url.scheme() {
                    Scheme::Syslog | Scheme::SyslogTls => Box::pin(stream::session(self)),
                    Scheme::SyslogUdp => Box::pin(udp::session(self)),
                    Scheme::Https | Scheme::HttpsBatch => Box::pin(http::session(self)),
                };
            match session.await {
                Ok(()) => self.shared.enter(DrainState::Idle),
                Err(failure) => {
                    self.back_off(failure).await;
                    // What is left waits on the disk for the next start.
                    if self.store.as_ref().is_some_and(|store| store.is_closed()) {
                        return;
                    }
                }
            }
            self.batch.release();
        }
    }

    /// Waits until there is something to deliver. False once there never will be.
    async fn wait(&mut self) -> bool {
        loop {
            if !self.batch.is_empty() {
                return true;
            }
            if self.is_over() {
                return false;
            }
            if self.load() > 0 {
                return true;
            }
            self.settle_store().await;
            self.until_filled(1).await;
        }
    }

    /// Bytes that wait.
    pub(super) fn load(&self) -> u64 {
        match &self.store {
            None => self.queue.load() as u64,
            Some(store) => store.unread(),
        }
    }

    /// Waits until so many bytes wait, or there will be no more, or the drain is unbound.
    pub(super) async fn until_filled(&mut self, bytes: u64) {
        if let Some(store) = &self.store {
            store.until_filled(bytes).await;
            self.ended = store.is_closed() && store.unread() == 0;
            return;
        }
        let queue = &self.queue;
        let filled = poll_fn(|context| queue.poll_filled(context, bytes));
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

    /// There is nothing left to deliver, and never will be.
    pub(super) fn is_over(&self) -> bool {
        let reached = |goal| {
            let stats = self.queue.stats();
            stats.offered - stats.queued >= goal
        };
        self.batch.is_empty() && (self.ended || self.goal.is_some_and(reached))
    }

    /// The queue gets nothing more, so there is no point in waiting for it to fill.
    pub(super) fn is_ending(&self) -> bool {
        self.ended || self.goal.is_some()
    }

    /// Takes what waits until the batch has so many bytes or nothing waits.
    pub(super) async fn fill(&mut self, bytes: usize) {
        if let Some(store) = self.store.clone() {
            self.settle_store().await;
            if self.batch.len() < bytes && store.unread() > 0 {
                for chunk in store.take(bytes - self.batch.len()).await {
                    self.add(chunk);
                }
            }
            return self.note_in_hand();
        }
        while self.batch.len() < bytes {
            let Some(Taken { loss, chunk }) = self.queue.try_take() else {
                break;
            };
            if loss.is_some() {
                self.tell.lost();
            }
            if let Some(chunk) = chunk {
                self.add(chunk);
            }
        }
        self.note_in_hand();
    }

    fn add(&mut self, chunk: Chunk) {
        let added = self.batch.add(chunk, &self.form, Instant::now());
        self.shared.newest.store(added.newest, Relaxed);
        if added.sanitised > 0 {
            let sanitised = added.sanitised as u64;
            self.shared.sanitised.fetch_add(sanitised, Relaxed);
        }
        self.note(added.through);
    }

    /// Notes on the disk what is delivered.
    async fn settle_store(&mut self) {
        let finished = self.batch.take_finished();
        if let Some(store) = &self.store
            && finished > 0
        {
            store.delivered(finished).await;
        }
    }

    /// Counts what is through.
    pub(super) fn note(&self, through: Progress) {
        let shared = &self.shared;
        let filtered = through.filtered;
        shared.filtered.fetch_add(filtered.into(), Relaxed);
        let written = i64::from(through.envelopes) - i64::from(filtered);
        shared.written.fetch_add(written, Relaxed);
        shared.messages.fetch_add(through.messages as u64, Relaxed);
        shared.bytes.fetch_add(through.bytes as u64, Relaxed);
        self.note_in_hand();
    }

    fn note_in_hand(&self) {
        let in_hand = self.batch.in_hand().into();
        self.shared.in_hand.store(in_hand, Relaxed);
    }

    /// Bytes of messages left whole or in part.
    pub(super) fn sent_bytes(&mut self, bytes: usize) {
        let through = self.batch.sent_bytes(bytes);
        self.note(through);
    }

    /// Messages were taken.
    pub(super) fn sent(&mut self, messages: usize) {
        let through = self.batch.sent(messages);
        self.note(through);
    }

    /// The message `after` the first that is not through was taken.
    pub(super) fn taken(&mut self, after: usize) {
        let through = self.batch.taken(after);
        self.note(through);
    }

    /// Counts messages as lost, or keeps them where there is a spool. They are through only by
    /// [`Courier::sent`].
    pub(super) async fn lose(&mut self, after: usize, count: usize, cause: Cause) {
        let lost = self.batch.lose(after, count, &self.form.filter);
        // They will be counted as written when they are through.
        let envelopes = i64::try_from(lost.len()).unwrap_or(i64::MAX);
        self.shared.written.fetch_sub(envelopes, Relaxed);
        match &self.store {
            None => self.count_lost(&lost, cause),
            Some(store) => {
                let frames = lost.into_iter().map(|chunk| chunk.frames);
                store.bury(frames.collect()).await;
            }
        }
    }

    fn count_lost(&self, lost: &[Chunk], cause: Cause) {
        for chunk in lost {
            self.queue.lost_after_taking(cause, chunk);
        }
    }

    /// A connection stands.
    pub(super) fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
        self.shared.enter(DrainState::Connected);
    }

    /// The receiver may be one that ends each connection as soon as it is opened.
    pub(super) fn is_dubious(&self) -> bool {
        self.dubious
    }

    /// Something was delivered: the next failure is the first again.
    pub(super) fn delivered(&mut self) {
        self.backoff.reset();
    }

    /// Something went wrong that the app should know.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.tell.failure(&failure);
        self.shared.failed(failure);
        self.tell_what_is_due(Instant::now());
    }

    /// Notes a failure, gives up what is too old, and waits before the next attempt.
    async fn back_off(&mut self, failure: Failure) {
        let now = Instant::now();
        let lived = self.connected.take().map_or(Duration::ZERO, |at| now - at);
        let asked = failure.retry_after().unwrap_or_default();
        if lived >= LIVED && asked.is_zero() {
            self.backoff.reset();
        }
        let broke = matches!(
            failure,
            Failure::Closed | Failure::Broken(_) | Failure::Talks
        );
        self.dubious = broke && lived < LIVED;
        // A receiver that ends a connection that it had for long is nobody's trouble.
        match failure {
            Failure::Closed if lived >= LIVED => self.shared.failed(failure),
            failure => self.failed(failure),
        }
        let delay = self.backoff.next().max(asked.min(LONGEST_RETRY_AFTER));
        self.pause(delay).await;
        let too_old = |since: Instant| since.elapsed() >= self.with.settings.give_up_after;
        if self.store.is_none() && self.batch.since().is_some_and(too_old) {
            let left = self.batch.left();
            self.lose(0, left, Cause::GaveUp).await;
            self.sent(left);
        }
    }

    /// Waits as long as after a failure, for a receiver that refused something.
    pub(super) async fn pause_after_refusal(&mut self) {
        let delay = self.backoff.next();
        self.pause(delay).await;
    }

    async fn pause(&mut self, delay: Duration) {
        self.shared.enter(DrainState::Failing);
        let end = Instant::now() + delay;
        loop {
            let now = Instant::now();
            self.tell_what_is_due(now);
            if now >= end {
                return;
            }
            let wake = self.tell.due().map_or(end, |due| due.min(end));
            tokio::time::sleep_until(wake.max(now + Duration::from_millis(1))).await;
        }
    }

    /// Tells the app what is to be told, if it is time.
    pub(super) fn tell_what_is_due(&mut self, now: Instant) {
        let interval = self.with.settings.notice_interval;
        let queue = &self.queue;
        let overflowed = self.store.as_ref().map_or(0, |store| store.lost());
        let stats = || {
            let mut stats = queue.stats();
            stats.dropped[Cause::QueueFull.index()] += overflowed;
            stats
        };
        let reporter = &self.with.reporter;
        self.tell
            .settle(&self.drain, stats, reporter, interval, now);
    }

    /// When there is something to tell next.
    pub(super) fn tell_due(&self) -> Option<Instant> {
        self.tell.due()
    }

    /// What is left is lost, unless there is a spool.
    fn end(&mut self, cause: Cause) {
        if let Some(store) = &self.store {
            let unbound = self.shared.stop.is_cancelled();
            store.close(self.batch.take_finished(), unbound);
            self.shared.in_hand.store(0, Relaxed);
        } else {
            let left = self.batch.left();
            let lost = self.batch.lose(0, left, &self.form.filter);
            self.count_lost(&lost, cause);
            let envelopes = i64::try_from(lost.len()).unwrap_or(i64::MAX);
            self.shared.written.fetch_sub(envelopes, Relaxed);
            self.sent(left);
        }
        self.queue.leave();
        self.shared.enter(DrainState::Ended);
    }
}
