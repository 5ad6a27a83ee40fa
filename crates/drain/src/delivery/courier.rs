//! The task of one drain: waits for its queue, has a connection deliver it, and tries again
//! after failures.

mod books;
mod supply;

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use logweir_net::backoff::Backoff;
use logweir_route::{Cause, Chunk, Subscription};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Delivery, DrainState, Failure, Shared,
    batch::{Batch, Form},
    channel::{self, Frame},
    dial::Receiver,
    file, http,
    kafka::{self, Producer},
    store::Store,
    stream,
    tell::{Owed, Tell},
    udp,
};
use crate::{exit::Exit, nozzle::To, url::Scheme};

/// A connection that lived this long was a good one: what comes after it starts over.
const LIVED: Duration = Duration::from_secs(5);

/// Bytes that a drain may take before it is connected, to see what they are.
const LITTLE: u64 = 16 << 10;

/// A receiver that asks to be left alone longer than this is asked again after it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// The owner of a drain.
pub(super) struct Courier {
    pub(super) exit: Exit,
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
    /// What the store is still to keep because the receiver refused it for good.
    refused: Vec<Chunk>,
    /// What was taken and waits for its names.
    unnamed: Option<Chunk>,
    /// The queue has ended, and nothing is in it.
    ended: bool,
    /// The last connection ended as soon as it was opened.
    dubious: bool,
    /// The drain is unbound: it ends once so many envelopes of its queue are settled.
    goal: Option<u64>,
    /// What a session with Kafka leaves to the next one.
    pub(super) producer: Option<Box<Producer>>,
    /// The request of a channel's drain that was not answered yet: what is tried again keeps
    /// its name.
    pub(super) frame: Option<Frame>,
    /// What a channel's receiver was told of losses (L10).
    owed: Owed,
}

impl Courier {
    pub(super) fn new(
        exit: Exit,
        queue: Arc<Subscription>,
        shared: Arc<Shared>,
        with: Arc<Delivery>,
    ) -> Self {
        let form = Form::of(&exit, with.names.as_ref());
        let settings = &with.settings;
        Self {
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            exit,
            queue,
            shared,
            form,
            with,
            batch: Batch::default(),
            tell: Tell::default(),
            connected: None,
            store: None,
            refused: Vec::new(),
            unnamed: None,
            ended: false,
            dubious: false,
            goal: None,
            producer: None,
            frame: None,
            owed: Owed::default(),
        }
    }

    /// Delivers until the queue has ended or the drain is unbound. Boxed: a task has room for
    /// its arguments twice.
    pub(super) async fn run(mut self: Box<Self>) {
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

    async fn work(&mut self) {
        Box::pin(self.open_store()).await;
        // What is boxed here and below is so that a drain that is idle holds no room for it.
        while self.wait().await {
            match self.session().await {
                Ok(()) => self.shared.enter(DrainState::Idle),
                Err(failure) => {
                    Box::pin(self.back_off(failure)).await;
                    // What is left waits on the disk for the next start.
                    if self.store.as_ref().is_some_and(|store| store.is_closed()) {
                        return;
                    }
                }
            }
            self.batch.free();
        }
    }

    /// A connection, or what stands for one, until it is too old, nothing was to be delivered
    /// for long, or the drain ends.
    fn session(&mut self) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
        match self.exit.clone() {
            Exit::Drain(drain) => match drain.url.scheme() {
                Scheme::Syslog | Scheme::SyslogTls => {
                    Box::pin(stream::session(self, Receiver::Drain(drain)))
                }
                Scheme::SyslogUdp => Box::pin(udp::session(self, Receiver::Drain(drain))),
                Scheme::Https | Scheme::HttpsBatch => Box::pin(http::session(self, drain)),
            },
            Exit::Channel(drain) => channel::session(self, drain),
            Exit::Nozzle(nozzle) => match &nozzle.to {
                To::File(settings) => Box::pin(file::session(self, settings.clone())),
                To::Graphite(settings) => {
                    let receiver = Receiver::Open(settings.address.clone());
                    Box::pin(stream::session(self, receiver))
                }
                To::Kafka(settings) => Box::pin(kafka::session(self, settings.clone())),
            },
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
            let load = self.load();
            if load > 0 && (load > LITTLE || !self.tell.expects_own()) {
                return true;
            }
            if load > 0 {
                // It may be but what we told: that is no reason to connect.
                Box::pin(self.fill(1)).await;
                if self.batch.is_empty() && self.load() >= load {
                    return true;
                }
                continue;
            }
            if self.store.is_some() {
                Box::pin(self.settle_store()).await;
            }
            let Some(due) = self.tell.due() else {
                self.until_filled(1).await;
                continue;
            };
            // The app is still to be told what went wrong last.
            let told = Box::pin(sleep_until(due));
            tokio::select! {
                () = self.until_filled(1) => {}
                () = told => self.tell_what_is_due(Instant::now()),
            }
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
            self.lose(0, left, Cause::GaveUp);
            self.sent(left);
            self.frame = None;
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
            sleep_until(wake.max(now + Duration::from_millis(1))).await;
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
        let tell = &mut self.tell;
        if tell.settle(&self.exit, stats, reporter, interval, now) {
            self.owed.note(SystemTime::now());
        }
    }

    /// When there is something to tell next.
    pub(super) fn tell_due(&self) -> Option<Instant> {
        self.tell.due()
    }

    /// What is left is lost, unless there is a spool.
    fn end(&mut self, cause: Cause) {
        if let Some(store) = &self.store {
            let unbound = self.shared.stop.is_cancelled();
            let refused = std::mem::take(&mut self.refused);
            store.close(refused, self.batch.take_finished(), unbound);
            self.shared.in_hand.store(0, Relaxed);
        } else {
            self.add_unnamed();
            let left = self.batch.left();
            let lost = self.batch.lose(0, left);
            self.count_lost(&lost, cause);
            let envelopes = i64::try_from(lost.len()).unwrap_or(i64::MAX);
            self.shared.written.fetch_sub(envelopes, Relaxed);
            self.sent(left);
        }
        self.queue.leave();
        self.shared.enter(DrainState::Ended);
    }
}
