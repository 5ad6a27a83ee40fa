//! What the syslog server counts, beside the books of its queue.

use std::{
    fmt::Display,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::complaints::Complaints;

/// Counts of the door.
#[derive(Default)]
pub(super) struct Counts {
    ingress: AtomicU64,
    invalid: AtomicU64,
    complaints: Complaints,
}

impl Counts {
    /// Messages that became envelopes.
    pub(super) fn ingress(&self) -> u64 {
        self.ingress.load(Ordering::Relaxed)
    }

    /// Messages that did not, and broken streams.
    pub(super) fn invalid(&self) -> u64 {
        self.invalid.load(Ordering::Relaxed)
    }

    pub(super) fn taken(&self) {
        self.ingress.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, from: SocketAddr, why: impl Display) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
        self.complaints.tell(format_args!("{from}: {why}"));
    }
}
