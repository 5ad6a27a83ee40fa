//! What arrived: every number of every producer once, and how late.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use hdrhistogram::Histogram;

use crate::load::{Mark, PRIMING};

/// Longest latency that is told apart, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// Everything that one audience (readers that share the stream, or one that has it
/// alone) received.
pub(crate) struct Tally {
    /// For each producer one bit for every number.
    seen: Vec<Box<[AtomicU64]>>,
    /// Envelopes of the load, first arrivals only.
    received: AtomicU64,
    /// Envelopes that arrived again.
    duplicates: AtomicU64,
    /// Envelopes that are not of the load: notices and the like.
    others: AtomicU64,
    /// Envelopes that notices said were lost.
    told: AtomicU64,
    /// Readers that got a priming envelope.
    primed: AtomicU64,
    /// Latencies count for envelopes sent from this time on (Unix nanoseconds).
    recorded_from: AtomicU64,
    latency: Mutex<Histogram<u64>>,
}

/// What is missing between what was sent and what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Envelopes that never arrived.
    pub(crate) lost: u64,
    /// The longest run of consecutive numbers of one producer among them.
    pub(crate) largest: u64,
}

impl Tally {
    /// Room for `capacity` envelopes of each of `streams` producers.
    pub(crate) fn new(streams: usize, capacity: u64) -> anyhow::Result<Self> {
        let words = usize::try_from(capacity / 64 + 1)?;
        let row = || (0..words).map(|_| AtomicU64::new(0)).collect();
        Ok(Self {
            seen: (0..streams).map(|_| row()).collect(),
            received: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            others: AtomicU64::new(0),
            told: AtomicU64::new(0),
            primed: AtomicU64::new(0),
            recorded_from: AtomicU64::new(u64::MAX),
            latency: Mutex::new(Histogram::new_with_bounds(1, LONGEST, 3)?),
        })
    }

    /// Counts the envelopes of one message that arrived at `now`; `late` is the
    /// reader's own histogram. Returns whether a priming envelope was among them.
    pub(crate) fn add(
        &self,
        marks: impl Iterator<Item = Option<Mark>>,
        now: u64,
        late: &mut Histogram<u64>,
    ) -> bool {
        let (mut new, mut again, mut others, mut primed) = (0, 0, 0, false);
        let recorded_from = self.recorded_from.load(Relaxed);
        for mark in marks {
            let Some(mark) = mark else {
                others += 1;
                continue;
            };
            if mark.stream == PRIMING {
                primed = true;
                continue;
            }
            if self.first(mark) {
                new += 1;
            } else {
                again += 1;
            }
            if mark.time >= recorded_from {
                late.saturating_record(now.saturating_sub(mark.time).max(1));
            }
        }
        self.received.fetch_add(new, Relaxed);
        self.duplicates.fetch_add(again, Relaxed);
        self.others.fetch_add(others, Relaxed);
        primed
    }

    fn first(&self, mark: Mark) -> bool {
        let Some(row) = self.seen.get(usize::from(mark.stream)) else {
            return false;
        };
        let Some(word) = usize::try_from(mark.number / 64)
            .ok()
            .and_then(|at| row.get(at))
        else {
            return false;
        };
        let bit = 1 << (mark.number % 64);
        word.fetch_or(bit, Relaxed) & bit == 0
    }

    /// Latencies count for what is sent from `time` on.
    pub(crate) fn record_from(&self, time: u64) {
        self.recorded_from.store(time, Relaxed);
    }

    /// One more reader has got its first priming envelope.
    pub(crate) fn reader_primed(&self) {
        self.primed.fetch_add(1, Relaxed);
    }

    /// How many readers have.
    pub(crate) fn primed(&self) -> u64 {
        self.primed.load(Relaxed)
    }

    /// First arrivals so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// A notice said that so many were lost.
    pub(crate) fn tell(&self, lost: u64) {
        self.told.fetch_add(lost, Relaxed);
    }

    /// Envelopes that notices have said were lost so far.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// Repeated arrivals so far.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates.load(Relaxed)
    }

    /// Envelopes of others so far.
    pub(crate) fn others(&self) -> u64 {
        self.others.load(Relaxed)
    }

    /// A reader's histogram, when it ends.
    pub(crate) fn merge(&self, late: &Histogram<u64>) {
        let mut all = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        // Same bounds everywhere, so nothing can fail to fit.
        let _ = all.add(late);
    }

    /// The latencies of all readers that have ended.
    pub(crate) fn latency(&self) -> Histogram<u64> {
        self.latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An empty histogram for one reader.
    pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
        Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
    }

    /// What of `sent` (envelopes of each producer) has not arrived.
    pub(crate) fn gaps(&self, sent: &[u64]) -> Gaps {
        let mut gaps = Gaps::default();
        for (row, sent) in self.seen.iter().zip(sent) {
            let mut run = 0;
            for number in 0..*sent {
                let word = usize::try_from(number / 64).ok().and_then(|at| row.get(at));
                if word.is_some_and(|word| word.load(Relaxed) >> (number % 64) & 1 == 1) {
                    run = 0;
                } else {
                    run += 1;
                    gaps.lost += 1;
                    gaps.largest = gaps.largest.max(run);
                }
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_repetitions_are_told_apart() {
        let tally = Tally::new(2, 300).unwrap();
        let late = &mut Tally::histogram().unwrap();
        tally.record_from(1);
        let mark = |stream, number| {
            Some(Mark {
                time: 1,
                stream,
                number,
            })
        };
        let numbers = (0..100).filter(|n| !(20..30).contains(n) && *n != 50);
        tally.add(numbers.map(|n| mark(0, n)), 3, late);
        tally.add([mark(1, 0), mark(1, 0), None].into_iter(), 3, late);
        assert!(tally.add([mark(PRIMING, 0)].into_iter(), 3, late));
        assert_eq!(
            (tally.received(), tally.duplicates(), tally.others()),
            (90, 1, 1)
        );
        assert_eq!((late.len(), late.max()), (91, 2));
        assert_eq!(
            tally.gaps(&[100, 1]),
            Gaps {
                lost: 11,
                largest: 10
            }
        );
    }
}
