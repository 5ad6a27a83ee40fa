//! What was read of channels, for the metrics.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::metrics::Snapshot;

/// Figures of all sessions together.
#[derive(Debug, Default)]
pub(crate) struct TailCounts {
    accessed: AtomicU64,
    tailed: AtomicU64,
    open: AtomicU64,
    lines: AtomicU64,
    lost: AtomicU64,
}

/// One that is open for as long as it lives.
pub(super) struct OpenTail(Arc<TailCounts>);

impl Drop for OpenTail {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TailCounts {
    /// Shows all of it on a metrics page.
    pub(super) fn show(&self, to: &mut Snapshot) {
        let help = "Sessions that were fetched.";
        to.counter("logweir_logplex_sessions", help, &[], self.accessed());
        let help = "Sessions that went on with what comes.";
        to.counter("logweir_logplex_tailed", help, &[], self.tailed());
        let help = "Sessions that go on with what comes.";
        let open = u32::try_from(self.open()).unwrap_or(u32::MAX);
        to.gauge("logweir_logplex_tails", help, "", &[], open.into());
        let help = "Live lines that were written to sessions.";
        to.counter("logweir_logplex_tail_lines", help, &[], self.lines());
        let help = "Live lines that readers were told they lost (L11).";
        to.counter("logweir_logplex_tail_lost", help, &[], self.lost());
    }

    /// Sessions that were fetched.
    pub(crate) fn accessed(&self) -> u64 {
        self.accessed.load(Ordering::Relaxed)
    }

    /// Of them those that went on with what comes.
    pub(crate) fn tailed(&self) -> u64 {
        self.tailed.load(Ordering::Relaxed)
    }

    /// Of them those that still do.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Live lines that were written.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Live lines of which clients were told with L11.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn fetched(&self) {
        self.accessed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, lines: u64) {
        self.lines.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn told(&self, lost: u64) {
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }

    pub(super) fn opened(self: &Arc<Self>) -> OpenTail {
        self.tailed.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenTail(Arc::clone(self))
    }
}
