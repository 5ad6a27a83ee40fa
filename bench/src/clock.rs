//! Unix nanoseconds that never go back: both ends of a latency are read here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A steady clock, set once by the system's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    base: Duration,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        let base = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Instant::now(),
            base,
        }
    }

    /// Unix nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from((self.base + self.start.elapsed()).as_nanos()).unwrap_or(u64::MAX)
    }
}
