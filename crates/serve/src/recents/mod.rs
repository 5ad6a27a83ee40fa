//! What comes through an exchange, into a store: for `RecentLogs` and `ContainerMetrics`,
//! for streams that begin with history and, in `logweir run`, for the log cache.
//!
//! It is filled in strokes, not envelope by envelope. A router alone keeps the newest log
//! lines of each source: where one logged a thousand since the last stroke, all but its
//! last hundred are never copied.

mod config;
mod container;
mod fill;

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use logweir_cache::{Query, Store, StoreLimits, Types};
use logweir_proto::{peek::Kind, peek_v1::peek_v1, v1::envelope::EventType};
use logweir_route::{Chunk, Exchange, Tap};
use logweir_wire::convert::{ToV1, v2_to_v1};

pub use config::RecentConfig;

use crate::{context::ServeContext, grpc::unix_nanos, metrics::Registry};

/// What came in is looked at this often, …
const STROKE: Duration = Duration::from_millis(200);
/// … or once this many bytes wait.
const STROKE_BYTES: u64 = 512 << 10;

/// How long a publication may take to be waited for.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// Container metrics older than this are not answered.
const METRIC_AGE: Duration = Duration::from_secs(120);

/// Log lines that are answered from a log cache, at most.
const LINES: usize = 1000;
/// Bytes of log lines that are answered at most.
const ANSWER_BYTES: usize = 64 << 20;

/// A handle on the memory of one exchange.
#[derive(Clone)]
pub struct Recents(Arc<Memory>);

struct Memory {
    exchange: Arc<Exchange>,
    tap: Tap,
    store: Arc<Store>,
    /// Held while what the tap has goes into the store.
    taking: Mutex<()>,
    keep: Keep,
}

/// What is kept.
#[derive(Clone, Copy)]
enum Keep {
    /// All.
    All,
    /// So many log lines of each source, and its container metrics.
    Newest(usize),
}

impl Recents {
    /// Remembers the newest log lines and container metrics of what is published to
    /// `exchange` from now on; `None` if the settings say that nothing is to be
    /// remembered.
    pub fn start(
        exchange: &Arc<Exchange>,
        config: &RecentConfig,
        registry: &Registry,
        context: &ServeContext,
    ) -> Option<Self> {
        let lines = config.logs_per_source;
        if config.bytes == 0 || lines == 0 {
            return None;
        }
        // What goes are blocks: there is a block more than is answered.
        let most = lines.saturating_add(lines / 8 + 1);
        let store = Store::new(StoreLimits {
            bytes: config.bytes,
            max_age: None,
            max_age_of: Vec::new(),
            per_source_envelopes: Some(most as u64),
            // Most of it goes before it would have paid.
            compress: false,
        });
        let recents = Self::of(exchange, Arc::new(store), Keep::Newest(lines), context);
        let shown = recents.clone();
        registry.collect(move |snapshot| {
            let stats = shown.0.store.stats();
            crate::metrics::RecentFigures {
                sources: stats.sources,
                bytes: stats.bytes,
                evicted: stats.expired.budget,
                missed: shown.missed(),
            }
            .report(snapshot);
        });
        Some(recents)
    }

    /// Keeps all that is published to `exchange` from now on in `store`.
    pub fn fill(exchange: &Arc<Exchange>, store: Arc<Store>, context: &ServeContext) -> Self {
        Self::of(exchange, store, Keep::All, context)
    }

    fn of(exchange: &Arc<Exchange>, store: Arc<Store>, keep: Keep, context: &ServeContext) -> Self {
        let recents = Self(Arc::new(Memory {
            exchange: Arc::clone(exchange),
            tap: match keep {
                Keep::All => exchange.tap_all(),
                Keep::Newest(_) => exchange.tap(&[Kind::Log, Kind::Gauge]),
            },
            store,
            taking: Mutex::new(()),
            keep,
        }));
        let stop = context.shutdown.stop.clone();
        let filled = recents.clone();
        context.shutdown.tracker.spawn(async move {
            stop.run_until_cancelled(filled.follow()).await;
        });
        recents
    }

    async fn follow(self) {
        loop {
            // Nothing is done while nothing comes.
            poll_fn(|context| self.0.tap.poll_filled(context, 1)).await;
            let much = poll_fn(|context| self.0.tap.poll_filled(context, STROKE_BYTES));
            let _ = tokio::time::timeout(STROKE, much).await;
            self.barrier();
        }
    }

    /// Waits for what is being published past those who subscribed a moment ago: after
    /// that, all that a subscription of before the call has missed is remembered.
    pub async fn settle(&self) {
        let in_flight = self.0.exchange.in_flight();
        let over = async {
            while !in_flight.is_over() {
                tokio::task::yield_now().await;
            }
        };
        // Publishing takes microseconds; a machine that stands still is not waited for.
        let _ = tokio::time::timeout(SETTLED_WITHIN, over).await;
    }

    /// Takes in all that was published before the call. The answers below do so too.
    pub fn barrier(&self) {
        let taking = self.0.taking.lock();
        let _taking = taking.unwrap_or_else(PoisonError::into_inner);
        // What comes meanwhile is not waited for.
        let mut left = self.0.tap.stats().queued;
        let mut chunks: Vec<Chunk> = Vec::new();
        while left > 0 {
            let Some(chunk) = self.0.tap.try_take() else {
                break;
            };
            left = left.saturating_sub(u64::from(chunk.envelopes));
            chunks.push(chunk);
        }
        if chunks.is_empty() {
            return;
        }
        match self.0.keep {
            Keep::All => fill::all(&self.0.store, unix_nanos(), &chunks),
            Keep::Newest(lines) => fill::newest(&self.0.store, unix_nanos(), &chunks, lines),
        }
    }

    /// The latest log lines of an app as V1 envelopes, at most `limit`, in the order of
    /// time: what was published before the call is among them.
    pub fn logs(&self, app: &str, limit: usize) -> Vec<Bytes> {
        self.barrier();
        let most = match self.0.keep {
            Keep::All => LINES,
            Keep::Newest(lines) => lines,
        };
        let limit = limit.min(most);
        let page = self.0.store.read(&Query {
            limit,
            types: Types::LOG,
            descending: true,
            max_bytes: ANSWER_BYTES,
            ..Query::all(app)
        });
        let mut lines = page.envelopes;
        lines.truncate(limit);
        lines.reverse();
        as_v1(&lines, EventType::LogMessage)
    }

    /// The latest metrics of each container of an app as V1 envelopes, by instance.
    pub fn container_metrics(&self, app: &str) -> Vec<Bytes> {
        let age = i64::try_from(METRIC_AGE.as_nanos()).unwrap_or(i64::MAX);
        let since = unix_nanos().saturating_sub(age);
        self.barrier();
        let metrics = container::newest(&self.0.store, app, since);
        as_v1(&metrics, EventType::ContainerMetric)
    }

    /// Envelopes that came faster than they were taken in.
    pub fn missed(&self) -> u64 {
        self.0.tap.stats().dropped_total()
    }
}

/// V2 envelopes as V1 ones of one type; what else they become is left out.
fn as_v1(envelopes: &[Bytes], event_type: EventType) -> Vec<Bytes> {
    let mut out = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        let _ = v2_to_v1(envelope, &ToV1::default(), &mut |converted| {
            let seen = peek_v1(converted);
            if seen.is_ok_and(|seen| seen.event_type == event_type as i32) {
                out.push(Bytes::copy_from_slice(converted));
            }
        });
    }
    out
}

#[cfg(test)]
mod tests;
