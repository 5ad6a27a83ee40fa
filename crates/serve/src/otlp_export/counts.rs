//! What came of one signal of one collector, besides the books of its queue.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use logweir_wire::otlp::{Signal, export::LeftOut};

use crate::metrics::Snapshot;

#[derive(Default)]
pub(super) struct Counts {
    /// Log records, metrics or spans that the collector took.
    pub(super) exported: AtomicU64,
    /// Those that it refused while it took others of the same request.
    pub(super) rejected: AtomicU64,
    /// Calls that failed.
    pub(super) failures: AtomicU64,
    pub(super) left_out: [AtomicU64; LeftOut::COUNT],
}

impl Counts {
    pub(super) fn report(&self, signal: Signal, destination: &str, to: &mut Snapshot) {
        let own = [("destination", destination), ("signal", signal.name())];
        let help = "Log records, metrics and spans that a collector took.";
        let exported = self.exported.load(Relaxed);
        to.counter("logweir_otlp_exported", help, &own, exported);
        let help = "Log records, data points and spans that a collector refused out of a request.";
        let rejected = self.rejected.load(Relaxed);
        to.counter("logweir_otlp_export_rejected", help, &own, rejected);
        let help = "Calls of a collector that failed.";
        let failures = self.failures.load(Relaxed);
        to.counter("logweir_otlp_export_failures", help, &own, failures);
        for (why, count) in LeftOut::ALL.into_iter().zip(&self.left_out) {
            let help = "Envelopes that have no place in OTLP, by reason.";
            let labels = [own[0], own[1], ("reason", why.name())];
            let count = count.load(Relaxed);
            to.counter("logweir_otlp_export_left_out", help, &labels, count);
        }
    }
}
