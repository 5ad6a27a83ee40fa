//! What a UDP door counts, besides the books of its exchange.

use std::sync::atomic::{AtomicU64, Ordering};

use super::rules::Reason;
use crate::metrics::Snapshot;

/// Counts of one door.
#[derive(Debug, Default)]
pub(super) struct Counts {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    rejected: [AtomicU64; Reason::COUNT],
}

/// The same of one batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) rejected: [u64; Reason::COUNT],
}

impl Batch {
    /// Datagrams that were not taken.
    pub(super) fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }
}

impl Counts {
    pub(super) fn add(&self, batch: &Batch) {
        self.datagrams.fetch_add(batch.datagrams, Ordering::Relaxed);
        self.bytes.fetch_add(batch.bytes, Ordering::Relaxed);
        for (sum, more) in self.rejected.iter().zip(batch.rejected) {
            if more > 0 {
                sum.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// Datagrams of a reason so far.
    pub(super) fn rejected(&self, reason: Reason) -> u64 {
        self.rejected[reason.index()].load(Ordering::Relaxed)
    }

    /// Adds the series to a snapshot. `kernel` is what the kernel dropped, where it tells.
    pub(super) fn report(&self, door: &str, kernel: Option<u64>, to: &mut Snapshot) {
        let own = [("door", door)];
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let help = "Datagrams received.";
        to.counter("logweir_udp_datagrams", help, &own, read(&self.datagrams));
        let help = "Bytes of the datagrams received.";
        to.counter("logweir_udp_bytes", help, &own, read(&self.bytes));
        for reason in Reason::ALL {
            let help = "Datagrams that were not taken, by reason.";
            let labels = [("door", door), ("reason", reason.name())];
            to.counter("logweir_udp_rejected", help, &labels, self.rejected(reason));
        }
        if let Some(dropped) = kernel {
            let help = "Datagrams that the kernel dropped because its buffer was full.";
            to.counter("logweir_udp_kernel_dropped", help, &own, dropped);
        }
    }
}
