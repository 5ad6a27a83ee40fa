//! The figures of the memory of recent log lines.

use super::snapshot::Snapshot;

/// What a router remembers of what came through.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecentFigures {
    /// Sources with anything remembered.
    pub sources: usize,
    /// Bytes remembered.
    pub bytes: usize,
    /// Envelopes that went to make room.
    pub evicted: u64,
}

impl RecentFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let help = "Sources of which something is remembered.";
        let sources = self.sources as f64;
        to.gauge("logweir_recent_sources", help, "sources", &[], sources);
        let help = "Bytes of recent log lines and container metrics.";
        to.gauge(
            "logweir_recent_bytes",
            help,
            "bytes",
            &[],
            self.bytes as f64,
        );
        let help = "Envelopes that went to make room.";
        to.counter("logweir_recent_evicted", help, &[], self.evicted);
    }
}
