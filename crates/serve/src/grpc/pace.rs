//! How often small messages go out when many readers want them.
//!
//! A message costs some microseconds, whatever is in it. One reader gets each envelope
//! as it comes. With a thousand readers of one app each, that would be a message for
//! every envelope; so the more readers there are at the moment, the longer each of them
//! gathers after a message before the next: all together stay near [`MESSAGES`] a
//! second. A reader whose stream was quiet gets what comes at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::time::{Duration, Instant};

/// Messages a second that all gathering readers of a door get together.
const MESSAGES: u32 = 5_000;

/// So few readers get each envelope as it comes.
const FEW: u32 = 20;

/// No reader gathers for longer: the peers' routers hold back for up to 250 ms.
const MOST: Duration = Duration::from_millis(200);

/// Below this the timer is too coarse to be worth its while.
const LEAST: Duration = Duration::from_millis(1);

/// How long a reader counts as one of the moment.
const EPOCH: Duration = Duration::from_millis(200);

/// Counts the readers of a door that got something of late. Clones count together.
#[derive(Clone)]
pub(crate) struct Pace(Arc<Shared>);

struct Shared {
    start: Instant,
    /// Number of the epoch (high half), readers seen in it (low half).
    current: AtomicU64,
    /// Readers seen in the epoch before.
    before: AtomicU64,
}

/// One reader's part of the pace.
pub(crate) struct Turn {
    pace: Pace,
    epoch: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self(Arc::new(Shared {
            start,
            current: AtomicU64::new(0),
            before: AtomicU64::new(0),
        }))
    }

    pub(crate) fn turn(&self) -> Turn {
        Turn {
            pace: self.clone(),
            epoch: u64::MAX,
        }
    }
}

impl Turn {
    /// The reader got a message at `now`: until when it gathers before the next. The
    /// moments are few, so that readers of one connection share a write.
    pub(crate) fn gather_until(&mut self, now: Instant) -> Option<Instant> {
        let gather = self.gather(now)?;
        let step = (gather / 8).max(LEAST).as_micros();
        let start = self.pace.0.start;
        let steps = (now + gather - start).as_micros().div_ceil(step);
        Some(start + Duration::from_micros(u64::try_from(steps * step).ok()?))
    }

    /// How long the reader gathers.
    fn gather(&mut self, now: Instant) -> Option<Duration> {
        let shared = &self.pace.0;
        let epoch = (now - shared.start).as_millis() / EPOCH.as_millis();
        let epoch = u64::try_from(epoch).unwrap_or(u64::MAX) & u64::from(u32::MAX);
        let first = self.epoch != epoch;
        self.epoch = epoch;
        let readers = shared.count(epoch, first);
        let many = readers.saturating_sub(FEW);
        let gather = (Duration::from_secs(1) / MESSAGES)
            .saturating_mul(many)
            .min(MOST);
        (gather >= LEAST).then_some(gather)
    }
}

impl Shared {
    /// Readers of the moment: of this epoch or, while it is young, of the one before.
    fn count(&self, epoch: u64, first: bool) -> u32 {
        let current = self.current.load(Ordering::Relaxed);
        let (own, readers) = (current >> 32, current & u64::from(u32::MAX));
        let readers = if own == epoch {
            if first {
                self.current.fetch_add(1, Ordering::Relaxed) & u64::from(u32::MAX)
            } else {
                readers
            }
        } else {
            // Whoever comes first closes the old epoch. Two that race lose one count.
            let last = if own + 1 == epoch { readers } else { 0 };
            self.before.store(last, Ordering::Relaxed);
            self.current.store(epoch << 32 | 1, Ordering::Relaxed);
            1
        };
        let most = readers.max(self.before.load(Ordering::Relaxed));
        u32::try_from(most).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_readers_never_gather() {
        let pace = Pace::new();
        let now = Instant::now();
        let mut turns: Vec<_> = (0..FEW).map(|_| pace.turn()).collect();
        for step in 0..1000 {
            for turn in &mut turns {
                assert_eq!(turn.gather(now + Duration::from_millis(step)), None);
            }
        }
    }

    #[test]
    fn many_readers_gather_for_as_long_as_they_are_many() {
        let pace = Pace::new();
        let now = Instant::now();
        let mut turns: Vec<_> = (0..500).map(|_| pace.turn()).collect();
        let round = |turns: &mut [Turn], at: Duration| {
            turns
                .iter_mut()
                .map(|turn| turn.gather(now + at))
                .max()
                .flatten()
        };
        round(&mut turns, Duration::ZERO);
        let settled = round(&mut turns, EPOCH).unwrap();
        assert!(
            settled.abs_diff(Duration::from_millis(96)) < LEAST,
            "{settled:?}"
        );
        // Of the many only a few are left.
        round(&mut turns[..3], EPOCH * 3);
        assert_eq!(round(&mut turns[..3], EPOCH * 4), None);
    }

    #[test]
    fn readers_end_their_gathering_together() {
        let pace = Pace::new();
        let now = Instant::now();
        let mut turns: Vec<_> = (0..1000).map(|_| pace.turn()).collect();
        for turn in &mut turns {
            turn.gather(now);
        }
        let later = now + EPOCH;
        turns[0].gather(later);
        let ends: std::collections::BTreeSet<_> = (0..100)
            .zip(&mut turns)
            .map(|(step, turn)| turn.gather_until(later + Duration::from_micros(100 * step)))
            .collect();
        assert!(ends.len() <= 2, "{ends:?}");
        let longest = ends.last().copied().flatten().unwrap() - later;
        assert!(longest < MOST * 5 / 4, "{longest:?}");
    }

    #[test]
    fn no_reader_gathers_for_longer_than_the_peers_hold_back() {
        let pace = Pace::new();
        let now = Instant::now();
        let longest = (0..5000).filter_map(|_| pace.turn().gather(now)).max();
        assert_eq!(longest, Some(MOST));
    }
}
