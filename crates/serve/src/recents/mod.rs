//! What comes through an exchange, into a store: for `RecentLogs` and `ContainerMetrics`,
//! for streams that begin with history and, in `logweir run`, for the log cache.
//!
//! Whoever publishes puts it there: what has just been looked at is still in the
//! processor's cache. Taking it from a queue in a task of its own cost four times as much.

mod config;
mod container;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use logweir_cache::{Put, Query, Store, StoreLimits, Types};
use logweir_proto::{peek::Kind, peek_v1::peek_v1, v1::envelope::EventType};
use logweir_route::{Exchange, Seen, Tap};
use logweir_wire::convert::{ToV1, v2_to_v1};

pub use config::RecentConfig;

use crate::{grpc::unix_nanos, metrics::Registry};

/// How long a publication may take to be waited for.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// Container metrics older than this are not answered.
const METRIC_AGE: Duration = Duration::from_secs(120);

/// Bytes of log lines that are answered at most.
const ANSWER_BYTES: usize = 64 << 20;

/// A handle on the memory of one exchange.
#[derive(Clone)]
pub struct Recents(Arc<Memory>);

struct Memory {
    exchange: Arc<Exchange>,
    store: Arc<Store>,
    /// Most log lines that are answered.
    lines: usize,
    /// Fills the store for as long as it is here.
    _tap: Tap,
}

impl Recents {
    /// Remembers the newest log lines and container metrics of what is published to
    /// `exchange` from now on; `None` if the settings say that nothing is to be
    /// remembered.
    pub fn start(
        exchange: &Arc<Exchange>,
        config: &RecentConfig,
        registry: &Registry,
    ) -> Option<Self> {
        let lines = config.logs_per_source;
        if !config.is_on() {
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
        let store = Arc::new(store);
        let kept = Arc::clone(&store);
        let tap = exchange.tap(&[Kind::Log, Kind::Gauge], move |seen| {
            let is_log = |one: &&Seen<'_>| one.kind == Some(Kind::Log);
            let is_container = |one: &&Seen<'_>| container::instance(one.envelope).is_some();
            let wanted = seen.iter().filter(|one| is_log(one) || is_container(one));
            kept.put(unix_nanos(), wanted.map(put));
        });
        let shown = Arc::clone(&store);
        registry.collect(move |snapshot| {
            let stats = shown.stats();
            crate::metrics::RecentFigures {
                sources: stats.sources,
                bytes: stats.bytes,
                evicted: stats.expired.budget,
            }
            .report(snapshot);
        });
        Some(Self::new(exchange, store, lines, tap))
    }

    /// Keeps all that is published to `exchange` from now on in `store`; as many log lines
    /// of a source are answered as `config` says.
    pub fn fill(exchange: &Arc<Exchange>, store: Arc<Store>, config: &RecentConfig) -> Self {
        let kept = Arc::clone(&store);
        let tap = exchange.tap_all(move |seen| kept.put(unix_nanos(), seen.iter().map(put)));
        Self::new(exchange, store, config.logs_per_source, tap)
    }

    fn new(exchange: &Arc<Exchange>, store: Arc<Store>, lines: usize, tap: Tap) -> Self {
        Self(Arc::new(Memory {
            exchange: Arc::clone(exchange),
            store,
            lines,
            _tap: tap,
        }))
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

    /// The latest log lines of an app as V1 envelopes, at most `limit`, in the order of
    /// time: what was published before the call is among them.
    pub fn logs(&self, app: &str, limit: usize) -> Vec<Bytes> {
        let limit = limit.min(self.0.lines);
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
        let metrics = container::newest(&self.0.store, app, since);
        as_v1(&metrics, EventType::ContainerMetric)
    }
}

fn put<'a>(seen: &Seen<'a>) -> Put<'a> {
    Put {
        source_id: seen.source_id,
        timestamp: seen.timestamp,
        types: Types::of(seen.kind),
        envelope: seen.envelope,
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
