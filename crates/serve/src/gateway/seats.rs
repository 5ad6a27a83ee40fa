//! How many streams of events there may be.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Gauge;

/// The places of a door's streams.
pub(crate) struct Seats {
    permits: Arc<Semaphore>,
    streams: Gauge,
}

/// A reader's place among the streams, given back when its body is dropped.
pub(crate) struct Seat {
    streams: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// So many places; `streams` shows how many are taken.
    pub(crate) fn new(most: usize, streams: Gauge) -> Self {
        let permits = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { permits, streams }
    }

    /// A place, if there is one.
    pub(crate) fn take(&self) -> Option<Seat> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        let streams = self.streams.clone();
        streams.add(1.0);
        Some(Seat {
            streams,
            _permit: permit,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.streams.add(-1.0);
    }
}
