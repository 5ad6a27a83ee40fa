//! The latest log lines and container metrics of each source that came through an
//! exchange, for `RecentLogs` and `ContainerMetrics` and for streams that begin with
//! history.
//!
//! It is filled in strokes, not line by line: where a source logged a thousand lines
//! since the last stroke, all but its last hundred are never copied.

mod config;
mod fill;

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use logweir_cache::{Recent, RecentLimits, RecentStats};
use logweir_proto::{peek::Kind, peek_v1::peek_v1, v1::envelope::EventType};
use logweir_route::{Chunk, Exchange, QueueStats, Tap};
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

/// A handle on the memory of one exchange.
#[derive(Clone)]
pub struct Recents(Arc<Memory>);

struct Memory {
    exchange: Arc<Exchange>,
    tap: Tap,
    recent: Mutex<Recent>,
    logs_per_source: usize,
}

impl Recents {
    /// Remembers what is published to `exchange` from now on; `None` if the settings
    /// say that nothing is to be remembered.
    pub fn start(
        exchange: &Arc<Exchange>,
        config: &RecentConfig,
        registry: &Registry,
        context: &ServeContext,
    ) -> Option<Self> {
        if config.bytes == 0 || config.logs_per_source == 0 {
            return None;
        }
        let limits = RecentLimits {
            logs_per_source: config.logs_per_source,
            bytes: config.bytes,
        };
        let recents = Self(Arc::new(Memory {
            exchange: Arc::clone(exchange),
            tap: exchange.tap(&[Kind::Log, Kind::Gauge]),
            recent: Mutex::new(Recent::new(limits)),
            logs_per_source: config.logs_per_source,
        }));
        let stop = context.shutdown.stop.clone();
        let filled = recents.clone();
        context.shutdown.tracker.spawn(async move {
            stop.run_until_cancelled(filled.follow()).await;
        });
        let shown = recents.clone();
        registry.collect(move |snapshot| {
            let (stats, missed) = shown.stats();
            crate::metrics::RecentFigures {
                sources: stats.sources,
                bytes: stats.bytes,
                evicted: stats.evicted,
                missed: missed.dropped_total(),
            }
            .report(snapshot);
        });
        Some(recents)
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
        drop(self.caught_up());
    }

    fn caught_up(&self) -> MutexGuard<'_, Recent> {
        let mut recent = self.recent();
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
        fill::fill(&mut recent, &chunks, self.0.logs_per_source);
        recent
    }

    /// The latest log lines of an app as V1 envelopes, at most `limit`, in the order of
    /// time: what was published before the call is among them.
    pub fn logs(&self, app: &str, limit: usize) -> Vec<Bytes> {
        let lines = self.caught_up().logs(app, limit);
        as_v1(&lines, EventType::LogMessage)
    }

    /// The latest metrics of each container of an app as V1 envelopes, by instance.
    pub fn container_metrics(&self, app: &str) -> Vec<Bytes> {
        let age = i64::try_from(METRIC_AGE.as_nanos()).unwrap_or(i64::MAX);
        let since = unix_nanos().saturating_sub(age);
        let metrics = self.caught_up().metrics(app, since);
        as_v1(&metrics, EventType::ContainerMetric)
    }

    /// What is remembered, and the balance of what is still to be taken in.
    pub fn stats(&self) -> (RecentStats, QueueStats) {
        (self.recent().stats(), self.0.tap.stats())
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
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
