//! The agent's connections to routers: how many, to whom, and when they move.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2, SendError},
    grpc,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_proto::service;
use logweir_route::{Cause, Chunk, Subscription, notice};
use tonic::Status;

use super::lanes::Lanes;
use crate::grpc::unix_nanos;

/// Pause before a connection is tried again, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How long a replaced connection may take to hand over what it holds.
const HAND_OVER: Duration = Duration::from_secs(10);

/// How routers are found, and when connections are replaced.
pub(super) struct LinksOptions {
    /// Routers that are preferred, then all others.
    pub(super) tiers: [Vec<Target>; 2],
    /// Connections, each with one stream.
    pub(super) connections: usize,
    /// How often a connection checks that its router still exists and carries no
    /// more than its share.
    pub(super) resolve_interval: Duration,
    /// A connection that takes nothing for this long is replaced.
    pub(super) stall_timeout: Duration,
    /// Batches after which a connection is replaced; 0 never.
    pub(super) recycle_after: u64,
}

/// Everything that moves chunks from the agent's queue to routers.
pub(super) struct Links {
    dialer: Dialer,
    resolver: Resolver,
    options: LinksOptions,
    lanes: Arc<Lanes>,
    queue: Arc<Subscription>,
    /// Where each lane leads.
    leads: Mutex<Vec<Option<SocketAddr>>>,
    shutdown: Shutdown,
}

impl Links {
    pub(super) fn start(
        dialer: Dialer,
        resolver: Resolver,
        options: LinksOptions,
        queue: Subscription,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let links = Arc::new(Self {
            dialer,
            resolver,
            lanes: Lanes::new(options.connections.max(1)),
            leads: Mutex::new(vec![None; options.connections.max(1)]),
            options,
            queue: Arc::new(queue),
            shutdown: shutdown.clone(),
        });
        for lane in 0..links.options.connections.max(1) {
            let task = Arc::clone(&links);
            let abort = shutdown.abort.clone();
            shutdown
                .tracker
                .spawn(async move { abort.run_until_cancelled(task.run(lane)).await });
        }
        let task = Arc::clone(&links);
        let abort = shutdown.abort.clone();
        shutdown
            .tracker
            .spawn(async move { abort.run_until_cancelled(task.dispatch()).await });
        links
    }

    /// Connections with an open stream.
    pub(super) fn open(&self) -> usize {
        self.lanes.open_count()
    }

    /// Envelopes and bytes that left the queue and wait for a connection.
    pub(super) fn waiting(&self) -> (u64, u64) {
        self.lanes.waiting()
    }

    /// Moves chunks from the queue to lanes, and losses into the stream: whoever
    /// reads a source further down is told what this agent lost of it.
    async fn dispatch(&self) {
        loop {
            let returned = poll_fn(|context| self.lanes.poll_room(context)).await;
            if let Some(chunk) = returned {
                self.lanes.put(chunk);
                continue;
            }
            let Some(taken) = self.queue.take().await else {
                break;
            };
            if let Some(loss) = taken.loss {
                self.lanes.put(notice::chunk(
                    &loss,
                    notice::Form::Log,
                    "agent",
                    unix_nanos(),
                ));
            }
            if let Some(chunk) = taken.chunk {
                self.lanes.put(chunk);
            }
        }
        for lane in 0..self.options.connections.max(1) {
            self.lanes.end(lane);
        }
    }

    /// Keeps one lane connected.
    async fn run(&self, lane: usize) {
        let mut wait = Backoff::new(RETRY.0, RETRY.1);
        let mut next = None;
        loop {
            let connection = match next.take() {
                Some(connection) => Ok(connection),
                None => self.connect().await,
            };
            match connection {
                Ok(connection) => {
                    let address = connection.addr();
                    // The peer's words: operators look for them.
                    tracing::info!("successfully established a stream to doppler {address}");
                    self.leads()[lane] = Some(address);
                    let end = self.stream(lane, &connection).await;
                    self.leads()[lane] = None;
                    if end.carried {
                        wait.reset();
                    }
                    next = end.next;
                }
                Err(error) => tracing::debug!("no connection to a router: {error}"),
            }
            if self.shutdown.stop.is_cancelled() && self.queue.stats().queued == 0 {
                return;
            }
            if next.is_none() {
                tokio::time::sleep(wait.next()).await;
            }
        }
    }

    /// Connects to the router with the fewest lanes of the first tier that answers.
    async fn connect(&self) -> Result<H2, String> {
        let mut reasons = Vec::new();
        for tier in &self.options.tiers {
            let mut addresses = Vec::new();
            for target in tier {
                match self.resolver.resolve(target).await {
                    Ok(found) => addresses.extend(found),
                    Err(error) => reasons.push(error.to_string()),
                }
            }
            fastrand::shuffle(&mut addresses);
            addresses.sort_by_key(|address| self.lanes_to(*address));
            for address in addresses {
                match self.dialer.connect(address).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => reasons.push(error.to_string()),
                }
            }
        }
        Err(reasons.join("; "))
    }

    /// Where a lane that leads to `address` should lead instead, if anywhere: its
    /// router has left the list, a preferred one is back, or another one of its tier
    /// has fewer lanes.
    async fn better_than(&self, address: SocketAddr) -> Better {
        let mut candidates = Vec::new();
        let mut all_known = true;
        let mut listed = false;
        for tier in &self.options.tiers {
            let mut found = Vec::new();
            for target in tier {
                match self.resolver.resolve(target).await {
                    Ok(addresses) => found.extend(addresses),
                    Err(_) => all_known = false,
                }
            }
            listed = found.contains(&address);
            let own = self.lanes_to(address);
            // Of a tier before the lane's own any router is better.
            found.retain(|other| !listed || self.lanes_to(*other) + 1 < own);
            found.sort_by_key(|other| self.lanes_to(*other));
            candidates.extend(found);
            if listed {
                break;
            }
        }
        if !listed {
            // A name that cannot be looked up must not cut streams that work.
            return if all_known {
                Better::Leave
            } else {
                Better::Stay
            };
        }
        // Only to a router that answers: the stream moves when the new one stands.
        for candidate in candidates {
            if let Ok(connection) = self.dialer.connect(candidate).await {
                return Better::Move(connection);
            }
        }
        Better::Stay
    }

    fn lanes_to(&self, address: SocketAddr) -> usize {
        self.leads()
            .iter()
            .filter(|lead| **lead == Some(address))
            .count()
    }

    fn leads(&self) -> MutexGuard<'_, Vec<Option<SocketAddr>>> {
        self.leads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the one stream of a connection until it ends, stalls, or is to be
    /// replaced.
    async fn stream(&self, lane: usize, connection: &H2) -> Ended {
        let address = connection.addr();
        self.lanes.open(lane);
        let sent = Arc::new(AtomicU64::new(0));
        let source = LaneStream {
            lanes: Arc::clone(&self.lanes),
            lane,
            sent: Arc::clone(&sent),
        };
        let request = grpc::request(
            service::BATCH_SENDER,
            connection.authority(),
            grpc::request_body(source),
        );
        let mut response = std::pin::pin!(connection.send(request));
        let mut check = tokio::time::interval(Duration::from_millis(500));
        let mut look_up = Box::pin(tokio::time::sleep(self.until_look_up()));
        let mut ending = None;
        let mut next = None;
        loop {
            tokio::select! {
                answer = &mut response => {
                    log_answer(address, answer.map(|answer| grpc::status_of(answer.headers())));
                    break;
                }
                _ = check.tick() => {
                    if self.lanes.stalled(lane, self.options.stall_timeout) {
                        tracing::warn!("the router {address} takes nothing, moving on");
                        break;
                    }
                    let sent = sent.load(Ordering::Relaxed);
                    let recycle = self.options.recycle_after;
                    if ending.is_none() && recycle > 0 && sent >= recycle {
                        self.lanes.end(lane);
                        ending = Some(tokio::time::Instant::now());
                    }
                    if ending.is_some_and(|since| since.elapsed() > HAND_OVER) {
                        break;
                    }
                }
                () = connection.closing(), if ending.is_none() => {
                    // The router says goodbye but still reads: hand over and move on.
                    self.lanes.end(lane);
                    ending = Some(tokio::time::Instant::now());
                }
                better = async { look_up.as_mut().await; self.better_than(address).await },
                    if ending.is_none() =>
                {
                    look_up.set(tokio::time::sleep(self.until_look_up()));
                    match better {
                        Better::Stay => continue,
                        Better::Leave => {
                            tracing::info!("the router {address} has left the list, moving on");
                        }
                        Better::Move(connection) => {
                            let to = connection.addr();
                            tracing::info!("moving a stream from the router {address} to {to}");
                            next = Some(connection);
                        }
                    }
                    self.lanes.end(lane);
                    ending = Some(tokio::time::Instant::now());
                }
            }
        }
        connection.close();
        let left = self.lanes.close(lane);
        if let Some(chunk) = left.in_doubt {
            self.queue.lost_after_taking(Cause::ConnectionLost, &chunk);
        }
        Ended {
            carried: sent.load(Ordering::Relaxed) > 0,
            next,
        }
    }

    /// Spread, so that the lanes do not all look at once and move together.
    fn until_look_up(&self) -> Duration {
        self.options.resolve_interval.mul_f64(0.5 + fastrand::f64())
    }
}

/// What a lane does about its router.
enum Better {
    Stay,
    Leave,
    Move(H2),
}

/// How a stream ended.
struct Ended {
    /// It carried at least one batch.
    carried: bool,
    /// The connection that the lane goes on with.
    next: Option<H2>,
}

fn log_answer(address: SocketAddr, answer: Result<Option<Status>, SendError>) {
    match answer {
        Ok(None) => tracing::debug!("the router {address} ended the stream"),
        Ok(Some(status)) => {
            tracing::info!(
                "the router {address} ended the stream: {}",
                status.message()
            );
        }
        Err(error) => tracing::info!("lost the connection to the router {address}: {error}"),
    }
}

/// The batches of one lane as the body of its stream.
struct LaneStream {
    lanes: Arc<Lanes>,
    lane: usize,
    sent: Arc<AtomicU64>,
}

impl Stream for LaneStream {
    type Item = Result<Bytes, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk: Option<Chunk> = ready!(self.lanes.poll_take(self.lane, context));
        Poll::Ready(chunk.map(|chunk| {
            self.sent.fetch_add(1, Ordering::Relaxed);
            Ok(chunk.frames)
        }))
    }
}
