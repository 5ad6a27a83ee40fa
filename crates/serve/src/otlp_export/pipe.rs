//! One signal on its way to one collector.
//!
//! What the collector cannot take waits in the queue, which drops its oldest and counts it;
//! in hand is one request at most. The rules of trying again are the peer's (spec
//! agents-and-drains §1.3): `Unavailable` alone is tried again.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::HeaderMap;
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc::{self, Code, Status},
    resolve::{Resolver, Target},
};
use logweir_route::{
    Cause, Chunk, QueueStats, Subscription,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};
use logweir_wire::otlp::{
    Signal,
    messages::{Answer, PartialSuccess},
};
use prost::Message;
use tokio::time::{Instant, sleep, timeout};

use super::{batch::Batch, config::OtelConfig, counts::Counts};
use crate::{complaints::Complaints, grpc::unix_nanos, metrics::Snapshot};

/// Envelopes gather for so long, so that few of them do not make as many requests.
const GATHER: Duration = Duration::from_millis(100);

/// Pause before a connection is tried again, at least and at most.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// That there is no connection is told again after this long.
const REMIND: Duration = Duration::from_secs(30);

/// Pause before a request is tried again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 1 << 20;

/// How the collector is reached.
pub(super) struct Way {
    pub(super) dialer: Dialer,
    pub(super) resolver: Resolver,
    pub(super) target: Target,
}

pub(super) struct Pipe {
    signal: Signal,
    queue: Subscription,
    /// The destination as it is named in metrics and logs.
    address: String,
    retries: u32,
    timeout: Duration,
    counts: Counts,
    complaints: [Complaints; 2],
    /// The chunk that is being delivered.
    in_hand: Mutex<Option<Chunk>>,
}

/// The way, and what is open of it.
struct Line {
    way: Way,
    connection: Option<H2>,
}

/// What became of a request.
enum Sent {
    /// The collector answered, and refused so many.
    Taken(PartialSuccess),
    /// It was not there, for this reason; it may be another time.
    Away(String),
    /// It will not have the request, nor ever one of this signal.
    NoSuchSignal(String),
    /// It will not have the request.
    Refused(String),
}

impl Pipe {
    pub(super) fn new(
        signal: Signal,
        queue: Subscription,
        address: &str,
        config: &OtelConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            signal,
            queue,
            address: address.to_owned(),
            retries: config.retries,
            timeout: config.timeout,
            counts: Counts::default(),
            complaints: Default::default(),
            in_hand: Mutex::default(),
        })
    }

    pub(super) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }

    /// Envelopes and bytes in hand.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let in_hand = self.in_hand();
        in_hand.as_ref().map_or((0, 0), |chunk| {
            (u64::from(chunk.envelopes), chunk.frames.len() as u64)
        })
    }

    pub(super) fn report(&self, destination: &str, to: &mut Snapshot) {
        self.counts.report(self.signal, destination, to);
    }

    /// Exports until the queue has ended and is empty.
    pub(super) async fn run(&self, way: Way) {
        let mut line = Line {
            way,
            connection: None,
        };
        let mut unwanted = RETRY.0;
        while let Some(chunk) = self.next(&mut line).await {
            if self.deliver(&chunk, &mut line).await {
                unwanted = RETRY.0;
                continue;
            }
            // A collector without a pipeline for this signal: what comes meanwhile is not
            // wanted either. Unless there never will be more.
            let ended = poll_fn(|context| self.queue.poll_filled(context, u64::MAX));
            let _ = timeout(unwanted, ended).await;
            unwanted = (unwanted * 2).min(RETRY.1);
            self.pass_over();
        }
    }

    /// What is to be sent next, once there is a connection for it. None once there never
    /// will be anything.
    async fn next(&self, line: &mut Line) -> Option<Chunk> {
        loop {
            poll_fn(|context| self.queue.poll_filled(context, 1)).await;
            let chunk = if self.queue.load() == 0 {
                // It has ended; or what was there is gone already.
                self.queue.take().await?.chunk
            } else {
                if self.queue.stats().queued < u64::from(CHUNK_ENVELOPES) {
                    let full = CHUNK_BYTES as u64;
                    let more = poll_fn(|context| self.queue.poll_filled(context, full));
                    let _ = timeout(GATHER, more).await;
                }
                self.connected(line).await;
                self.queue.take().await?.chunk
            };
            if chunk.is_some() {
                self.in_hand().clone_from(&chunk);
                return chunk;
            }
        }
    }

    /// A connection, as soon as there is one.
    async fn connected(&self, line: &mut Line) -> H2 {
        let mut pause = Backoff::new(RECONNECT.0, RECONNECT.1);
        let mut told: Option<Instant> = None;
        loop {
            if let Some(h2) = line.connection.as_ref().filter(|h2| !h2.is_closed()) {
                return h2.clone();
            }
            match self.connect(&line.way).await {
                Ok(h2) => line.connection = Some(h2),
                Err(error) => {
                    self.counts.failures.fetch_add(1, Relaxed);
                    if told.is_none_or(|at| at.elapsed() >= REMIND) {
                        told = Some(Instant::now());
                        tracing::warn!("{}{error}", self.prefix());
                    }
                    sleep(pause.next()).await;
                }
            }
        }
    }

    async fn connect(&self, way: &Way) -> Result<H2, String> {
        let addresses = way.resolver.resolve(&way.target).await;
        let addresses: Vec<SocketAddr> = addresses.map_err(|error| error.to_string())?;
        let mut last = format!("{} has no address", self.address);
        for address in addresses {
            match way.dialer.connect(address).await {
                Ok(h2) => return Ok(h2),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }

    /// Sends a chunk, if need be several times. False where the collector knows nothing of
    /// this signal.
    async fn deliver(&self, chunk: &Chunk, line: &mut Line) -> bool {
        let batch = Batch::of(self.signal, chunk, unix_nanos());
        for (count, more) in self.counts.left_out.iter().zip(batch.left_out) {
            count.fetch_add(more, Relaxed);
        }
        if batch.items == 0 {
            self.settled();
            return true;
        }
        let name = self.signal.name();
        let (mut pause, mut attempt) = (RETRY.0, 0);
        loop {
            let h2 = self.connected(line).await;
            attempt += 1;
            match self.send(&h2, &batch).await {
                Sent::Taken(partial) => {
                    self.taken(&batch, chunk, &partial);
                    if attempt > 1 {
                        let prefix = self.prefix();
                        tracing::info!("{prefix}{name} retry pool drained after recovery");
                    }
                    return true;
                }
                Sent::Away(why) if attempt > self.retries => {
                    let what = format!("Dropping {name} batch after {attempt} attempts: {why}");
                    self.complain(0, &what);
                    self.lose(Cause::GaveUp, chunk);
                    return true;
                }
                Sent::Away(why) => {
                    let what = format!("Retrying 1 {name} batches in {pause:?}, last err: {why}");
                    self.complain(1, &what);
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
                Sent::Refused(why) => {
                    self.complain(0, &format!("Write error: {why}"));
                    self.lose(Cause::Refused, chunk);
                    return true;
                }
                Sent::NoSuchSignal(why) => {
                    self.complain(0, &format!("Write error: {why}"));
                    self.lose(Cause::Refused, chunk);
                    return false;
                }
            }
        }
    }

    async fn send(&self, h2: &H2, batch: &Batch) -> Sent {
        let path = self.signal.grpc_path();
        let call = grpc::unary(h2, path, &batch.request, HeaderMap::new(), ANSWER_BYTES);
        let answered = timeout(self.timeout, call).await;
        let answered = answered.unwrap_or_else(|_| {
            // Nor will it be for what is sent after it.
            h2.abort();
            let text = format!("no answer within {:?}", self.timeout);
            Err(Status::unavailable(text))
        });
        let status = match answered {
            Ok((answer, _)) => {
                let answer = Answer::decode(answer).unwrap_or_default();
                return Sent::Taken(answer.partial_success.unwrap_or_default());
            }
            Err(status) => status,
        };
        self.counts.failures.fetch_add(1, Relaxed);
        let why = format!("{}: {}", status.code(), status.message());
        match status.code() {
            Code::Unavailable => Sent::Away(why),
            Code::Unimplemented => Sent::NoSuchSignal(why),
            _ => Sent::Refused(why),
        }
    }

    fn taken(&self, batch: &Batch, chunk: &Chunk, partial: &PartialSuccess) {
        let rejected = u64::try_from(partial.rejected).unwrap_or_default();
        let rejected = rejected.min(batch.items);
        let counts = &self.counts;
        counts.exported.fetch_add(batch.items - rejected, Relaxed);
        counts.rejected.fetch_add(rejected, Relaxed);
        if rejected > 0 {
            let why = String::from_utf8_lossy(&partial.error_message);
            let name = self.signal.name();
            self.complain(
                1,
                &format!("Write error: {rejected} {name} rejected: {why}"),
            );
        }
        match rejected == batch.items {
            true => self.lose(Cause::Refused, chunk),
            false => self.settled(),
        }
    }

    /// Loses what waits.
    fn pass_over(&self) {
        while let Some(taken) = self.queue.try_take() {
            if let Some(chunk) = taken.chunk {
                self.queue.lost_after_taking(Cause::Refused, &chunk);
            }
        }
    }

    /// The chunk in hand is through.
    fn settled(&self) {
        *self.in_hand() = None;
    }

    fn lose(&self, cause: Cause, chunk: &Chunk) {
        self.settled();
        self.queue.lost_after_taking(cause, chunk);
    }

    /// The process ends, or the destination is gone.
    pub(super) fn give_up(&self) {
        let in_hand = self.in_hand().take();
        if let Some(chunk) = in_hand {
            self.queue.lost_after_taking(Cause::Shutdown, &chunk);
        }
        self.queue.leave();
    }

    fn in_hand(&self) -> MutexGuard<'_, Option<Chunk>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The words are the peer's.
    fn complain(&self, about: usize, what: &str) {
        self.complaints[about].tell(format_args!("{}{what}", self.prefix()));
    }

    fn prefix(&self) -> String {
        format!("[OTEL COLLECTOR CLIENT] -> {}: ", self.address)
    }
}
