//! What the OTLP doors count, besides the books of their exchange.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use logweir_wire::otlp::{Outcome, Refusal, Signal};

use super::body::Failure;
use crate::{complaints::Complaints, metrics::Registry};

/// Counts of both doors.
#[derive(Default)]
pub(super) struct Counts {
    accepted: [AtomicU64; Signal::ALL.len()],
    refused: [[AtomicU64; Refusal::COUNT]; Signal::ALL.len()],
    failed: [AtomicU64; Failure::NAMES.len()],
    left_out: AtomicU64,
    complaints: [Complaints; 2],
}

impl Counts {
    /// Counts that the metrics show.
    pub(super) fn shown(registry: &Registry) -> Arc<Self> {
        let counts = Arc::new(Self::default());
        let shown = Arc::clone(&counts);
        registry.collect(move |to| {
            for signal in Signal::ALL {
                let of_signal = ("signal", signal.name());
                let help = "Log records, data points and spans that became envelopes.";
                let accepted = shown.accepted[signal.index()].load(Relaxed);
                to.counter("logweir_otlp_records", help, &[of_signal], accepted);
                for refusal in Refusal::ALL {
                    let help = "Log records, data points and spans that were not taken, by reason.";
                    let labels = [of_signal, ("reason", refusal.name())];
                    let refused = shown.refused[signal.index()][refusal.index()].load(Relaxed);
                    to.counter("logweir_otlp_rejected", help, &labels, refused);
                }
            }
            for (reason, count) in Failure::NAMES.into_iter().zip(&shown.failed) {
                let help = "OTLP requests of which nothing was taken, by reason.";
                let labels = [("reason", reason)];
                to.counter("logweir_otlp_failed", help, &labels, count.load(Relaxed));
            }
            let help = "Events and links of spans, which have no place in an envelope.";
            let left_out = shown.left_out.load(Relaxed);
            to.counter("logweir_otlp_left_out", help, &[], left_out);
        });
        counts
    }

    /// A request was taken, perhaps not all of it.
    pub(super) fn taken(&self, signal: Signal, outcome: &Outcome) {
        self.accepted[signal.index()].fetch_add(outcome.accepted, Relaxed);
        self.left_out.fetch_add(outcome.left_out, Relaxed);
        for (count, refused) in self.refused[signal.index()].iter().zip(outcome.refused) {
            count.fetch_add(refused, Relaxed);
        }
        let refused = Refusal::ALL.into_iter().zip(outcome.refused);
        if let Some((refusal, count)) = refused.max_by_key(|(_, count)| *count)
            && count > 0
        {
            let signal = signal.name();
            self.complaints[0].tell(format_args!(
                "{count} of the OTLP {signal} of a request were refused: {refusal}"
            ));
        }
    }

    /// Nothing of a request was taken.
    pub(super) fn failed(&self, failure: &Failure) {
        self.failed[failure.index()].fetch_add(1, Relaxed);
        self.complaints[1].tell(format_args!("an OTLP request failed: {failure}"));
    }
}
