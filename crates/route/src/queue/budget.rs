//! Memory that the queues of one exchange share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::CHUNK_BYTES;

/// Bytes that may wait in all queues of an exchange together. Past it every queue
/// is held to [`Budget::floor`].
#[derive(Debug)]
pub struct Budget {
    total: usize,
    pub(super) used: AtomicUsize,
    pub(super) queues: AtomicUsize,
}

/// Queues take from their budget in pieces of this many bytes.
const QUANTUM: u64 = 16 << 10;

pub(super) fn quanta(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(QUANTUM) * QUANTUM).unwrap_or(usize::MAX)
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            used: AtomicUsize::new(0),
            queues: AtomicUsize::new(0),
        })
    }

    /// What each queue may hold once the budget is used up.
    fn floor(&self) -> usize {
        (self.total / self.queues.load(Ordering::Relaxed).max(1)).max(CHUNK_BYTES)
    }

    pub(super) fn limit(&self, own: usize) -> usize {
        if self.used.load(Ordering::Relaxed) > self.total {
            own.min(self.floor())
        } else {
            own
        }
    }
}
