//! The figures of a log cache under the names of its peers, and ours beside them.

use std::time::Duration;

use logweir_cache::StoreStats;

use super::snapshot::Snapshot;

/// What a node keeps and did.
#[derive(Clone, Copy, Debug)]
pub struct LogCacheFigures {
    /// What is kept, came and went.
    pub store: StoreStats,
    /// Most bytes of it.
    pub limit: usize,
    /// Envelopes in answers.
    pub egress: u64,
    /// Frames that were no envelope.
    pub malformed: u64,
    /// Since the start.
    pub uptime: Duration,
    /// Nanoseconds since 1970.
    pub now: i64,
}

impl LogCacheFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let store = &self.store;
        let expired = store.expired;
        for (name, help, count) in [
            ("log_cache_ingress", "Envelopes that came.", store.put),
            ("log_cache_egress", "Envelopes in answers.", self.egress),
            (
                "log_cache_expired",
                "Envelopes that were kept and went.",
                expired.budget + expired.age + expired.per_source,
            ),
            (
                "logweir_log_cache_malformed",
                "Frames that held no envelope.",
                self.malformed,
            ),
        ] {
            to.counter(name, help, &[], count);
        }
        let help = "Envelopes that were kept and went, by why.";
        for (cause, count) in [
            ("budget", expired.budget),
            ("age", expired.age),
            ("per_source", expired.per_source),
        ] {
            let cause = [("cause", cause)];
            to.counter("logweir_log_cache_expired", help, &cause, count);
        }
        let period = store
            .oldest
            .map_or(0, |oldest| self.now.saturating_sub(oldest));
        let bytes = store.bytes as f64;
        let used = bytes * 100.0 / (self.limit.max(1) as f64);
        for (name, help, unit, value) in [
            (
                "log_cache_uptime",
                "Time since the start, in seconds.",
                "seconds",
                self.uptime.as_secs() as f64,
            ),
            (
                "log_cache_store_size",
                "Envelopes that are kept.",
                "entries",
                store.envelopes as f64,
            ),
            (
                "log_cache_cache_period",
                "Age of the oldest envelope, in milliseconds.",
                "milliseconds",
                (period / 1_000_000) as f64,
            ),
            (
                "log_cache_memory_utilization",
                "How much of its room the store takes.",
                "percentage",
                used,
            ),
            (
                "log_cache_heap_in_use_memory",
                "Bytes that the store takes.",
                "bytes",
                bytes,
            ),
            (
                "log_cache_total_system_memory",
                "Bytes that the store may take.",
                "bytes",
                self.limit as f64,
            ),
            (
                "logweir_log_cache_sources",
                "Sources of which something is kept.",
                "sources",
                store.sources as f64,
            ),
        ] {
            to.gauge(name, help, unit, &[("unit", unit)], value);
        }
    }
}
