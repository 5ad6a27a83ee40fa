//! An agent's connections to the next hop: their streams, and when they are replaced.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_route::{Cause, QueueStats, Subscription, Taken, Terms, notice_v1::Place};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    call::{Call, LaneStream, Notices, log_end, outcome, refusal},
    lanes::{Lanes, Load},
    spread::{Better, Spread},
};
use crate::grpc::unix_nanos;

/// Pause before a connection is tried again, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How long a replaced connection may take to hand over what it holds.
const HAND_OVER: Duration = Duration::from_secs(10);

/// A router that stalled, or refused a stream, is chosen last for this long.
const AVOID: Duration = Duration::from_secs(60);

/// A stream that ends sooner, with nothing carried, was refused.
const REFUSED: Duration = Duration::from_secs(1);

/// What this agent loses is told further down this often.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How routers are found, and when connections are replaced.
pub(crate) struct LinksOptions {
    /// The method that the streams call.
    pub(crate) call: Call,
    /// The role that the notices of a loss name.
    pub(crate) hop: &'static str,
    /// Where it runs, for notices in V1.
    pub(crate) place: Arc<Place>,
    /// The role at the other end, for log lines.
    pub(crate) next: &'static str,
    /// Routers that are preferred, then all others.
    pub(crate) tiers: [Vec<Target>; 2],
    /// Connections, each with one stream.
    pub(crate) connections: usize,
    /// How often a connection checks that its router still exists and carries no
    /// more than its share.
    pub(crate) resolve_interval: Duration,
    /// A connection that takes nothing for this long is replaced.
    pub(crate) stall_timeout: Duration,
    /// Batches after which a connection is replaced; 0 never.
    pub(crate) recycle_after: u64,
}

/// Everything that moves chunks from the agent's queue to routers.
pub(crate) struct Links {
    spread: Spread,
    options: LinksOptions,
    lanes: Arc<Lanes>,
    queue: Subscription,
    /// The queue has ended, and connections have taken all of it.
    flushed: CancellationToken,
}

impl Links {
    pub(crate) fn start(
        dialer: Dialer,
        resolver: Resolver,
        mut options: LinksOptions,
        queue: Subscription,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let lanes = options.connections.max(1);
        let tiers = std::mem::take(&mut options.tiers);
        let links = Arc::new(Self {
            spread: Spread::new(dialer, resolver, tiers, lanes),
            options,
            lanes: Lanes::new(lanes),
            queue,
            flushed: CancellationToken::new(),
        });
        for lane in 0..lanes {
            let task = Arc::clone(&links);
            let abort = shutdown.abort.clone();
            shutdown
                .tracker
                .spawn(async move { abort.run_until_cancelled(task.run(lane)).await });
        }
        let task = Arc::clone(&links);
        let abort = shutdown.abort.clone();
        shutdown.tracker.spawn(async move {
            if abort.run_until_cancelled(task.dispatch()).await.is_none() {
                task.give_up();
            }
        });
        links
    }

    /// Connections with an open stream.
    pub(crate) fn open(&self) -> usize {
        self.lanes.open_count()
    }

    /// Envelopes and bytes that left the queue and wait for a connection.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        self.lanes.waiting()
    }

    /// The balance of the queue. What waits for a connection counts as taken.
    pub(crate) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }

    /// Moves chunks from the queue to lanes, and losses into the stream: whoever
    /// reads a source further down is told what this agent lost of it.
    async fn dispatch(&self) {
        let mut told = None;
        let mut notices = Notices::of(&self.options);
        loop {
            poll_fn(|context| self.lanes.poll_placed(context)).await;
            let Some(taken) = self.take(told).await else {
                break;
            };
            if let Some(loss) = taken.loss {
                told = Some(Instant::now());
                let chunk = notices.chunk(&loss, unix_nanos());
                let tells = Some(loss);
                self.lanes.put(Load { chunk, tells });
            }
            if let Some(chunk) = taken.chunk {
                self.lanes.put(Load { chunk, tells: None });
            }
        }
        poll_fn(|context| self.lanes.poll_empty(context)).await;
        self.lanes.finish();
        self.flushed.cancel();
    }

    /// The next chunk of the queue, or a loss that may be told since the last was.
    async fn take(&self, told: Option<Instant>) -> Option<Taken> {
        let take = |tell| {
            let terms = Terms { tell, ..Terms::ANY };
            poll_fn(move |context| self.queue.poll_take(context, terms))
        };
        if let Some(next) = told.map(|told| told + TELL_EVERY)
            && Instant::now() < next
        {
            tokio::select! {
                biased;
                taken = take(false) => return taken,
                () = sleep_until(next) => {}
            }
        }
        take(true).await
    }

    fn log_open(&self, address: SocketAddr) {
        // The peer's words: operators look for them.
        let peer = match self.options.next {
            "router" => "doppler",
            next => next,
        };
        tracing::info!("successfully established a stream to {peer} {address}");
    }

    /// The deadline has passed: counts what did not leave.
    fn give_up(&self) {
        for load in self.lanes.abandon() {
            self.lose(Cause::Shutdown, &load);
        }
        self.queue.leave();
    }

    fn lose(&self, cause: Cause, load: &Load) {
        match &load.tells {
            Some(loss) => self.queue.untold(loss),
            None => self.queue.lost_after_taking(cause, &load.chunk),
        }
    }

    /// Keeps one lane connected until everything is flushed.
    async fn run(&self, lane: usize) {
        let mut wait = Backoff::new(RETRY.0, RETRY.1);
        let mut next = None;
        while !self.flushed.is_cancelled() {
            let connection = match next.take() {
                Some(connection) => Some(Ok(connection)),
                None => {
                    let connect = self.spread.connect(lane);
                    self.flushed.run_until_cancelled(connect).await
                }
            };
            match connection {
                Some(Ok(connection)) => {
                    let address = connection.addr();
                    self.log_open(address);
                    let end = self.stream(lane, &connection).await;
                    if end.carried {
                        wait.reset();
                    }
                    next = end.next;
                }
                Some(Err(error)) => {
                    tracing::debug!("no connection to a {}: {error}", self.options.next)
                }
                None => return,
            }
            if next.is_none() {
                self.spread.release(lane);
                let rest = sleep(wait.next());
                self.flushed.run_until_cancelled(rest).await;
            }
        }
    }

    /// Runs the one stream of a connection until it ends, stalls, or is to be
    /// replaced.
    async fn stream(&self, lane: usize, connection: &H2) -> Ended {
        let address = connection.addr();
        let begun = Instant::now();
        let sent = Arc::new(AtomicU64::new(0));
        let source = LaneStream {
            lanes: Arc::clone(&self.lanes),
            lane,
            epoch: self.lanes.open(lane),
            sent: Arc::clone(&sent),
        };
        let call = self.options.call;
        let request = grpc::request(call.path(), connection.authority(), call.body(source));
        let mut outcome = std::pin::pin!(outcome(connection, request));
        let mut check = tokio::time::interval(Duration::from_millis(500));
        let mut better = Box::pin(self.look(lane, address));
        // Since when the stream has been handing over what it holds.
        let mut ending = None;
        let mut next = None;
        let outcome = loop {
            tokio::select! {
                outcome = &mut outcome => {
                    log_end(self.options.next, address, &outcome);
                    break Some(outcome);
                }
                _ = check.tick() => {
                    if self.lanes.stalled(lane, self.options.stall_timeout) {
                        tracing::warn!("the {} {address} takes nothing, moving on", self.options.next);
                        self.spread.avoid(address, AVOID);
                        break None;
                    }
                    if ending.is_some_and(|since: Instant| since.elapsed() > HAND_OVER) {
                        break None;
                    }
                    let recycle = self.options.recycle_after;
                    if recycle == 0 || sent.load(Ordering::Relaxed) < recycle || ending.is_some() {
                        continue;
                    }
                }
                // The router says goodbye but still reads.
                () = connection.closing(), if ending.is_none() => {}
                () = self.flushed.cancelled(), if ending.is_none() => {}
                found = &mut better, if ending.is_none() => {
                    match found {
                        Better::Stay => {
                            better.set(self.look(lane, address));
                            continue;
                        }
                        Better::Leave => {
                            tracing::info!("the {} {address} has left the list, moving on", self.options.next);
                        }
                        Better::Move(connection) => {
                            let to = connection.addr();
                            tracing::info!("moving a stream from the {} {address} to {to}", self.options.next);
                            next = Some(connection);
                        }
                    }
                }
            }
            self.lanes.end(lane);
            ending = Some(Instant::now());
        };
        let carried = sent.load(Ordering::Relaxed) > 0;
        if outcome.is_some() {
            connection.close();
        } else {
            // Its stream may never end: what it holds must not pile up.
            connection.abort();
        }
        if !carried && begun.elapsed() < REFUSED && outcome.is_some_and(refusal) {
            self.spread.avoid(address, AVOID);
        }
        if let Some(load) = self.lanes.close(lane) {
            self.lose(Cause::ConnectionLost, &load);
        }
        Ended { carried, next }
    }

    /// Looks after a while whether the lane should lead elsewhere. One future, so that
    /// it is not begun anew whenever something else happens.
    async fn look(&self, lane: usize, address: SocketAddr) -> Better {
        sleep(self.until_look_up()).await;
        self.spread.better(lane, address).await
    }

    /// Spread, so that the lanes do not all look at once and move together.
    fn until_look_up(&self) -> Duration {
        self.options.resolve_interval.mul_f64(0.5 + fastrand::f64())
    }
}

/// How a stream ended.
struct Ended {
    /// It carried at least one batch.
    carried: bool,
    /// The connection that the lane goes on with.
    next: Option<H2>,
}
