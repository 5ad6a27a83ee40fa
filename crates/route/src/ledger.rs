//! What was lost, by cause and by source, and the balance of a queue.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::generation::Generation;

/// Why an envelope did not reach whoever wanted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The queue of a reader or of the next hop was full: its oldest chunk went.
    QueueFull,
    /// The reader left, or its connection broke, with envelopes still queued.
    ReaderGone,
    /// The bytes were no envelope.
    Malformed,
    /// The envelope is larger than this reader can take.
    TooLarge,
    /// The operator asked that logs be discarded.
    LogsDisabled,
    /// A batch was handed to a connection that broke before it was taken.
    ConnectionLost,
    /// The process ended before the queue was flushed.
    Shutdown,
    /// A V2 envelope that V1 readers wanted cannot be said in V1.
    NoV1Form,
    /// The receiver of a drain refused it for good.
    Refused,
    /// A drain tried for as long as it may, and its receiver did not take it.
    GaveUp,
}

impl Cause {
    /// How many causes there are.
    pub const COUNT: usize = 10;

    /// Every cause, in the order of [`Cause::index`].
    pub const ALL: [Cause; Cause::COUNT] = [
        Cause::QueueFull,
        Cause::ReaderGone,
        Cause::Malformed,
        Cause::TooLarge,
        Cause::LogsDisabled,
        Cause::ConnectionLost,
        Cause::Shutdown,
        Cause::NoV1Form,
        Cause::Refused,
        Cause::GaveUp,
    ];

    /// Position in arrays of counts by cause.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name in metric labels and notices.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::QueueFull => "queue_full",
            Cause::ReaderGone => "reader_gone",
            Cause::Malformed => "malformed",
            Cause::TooLarge => "too_large",
            Cause::LogsDisabled => "logs_disabled",
            Cause::ConnectionLost => "connection_lost",
            Cause::Shutdown => "shutdown",
            Cause::NoV1Form => "no_v1_form",
            Cause::Refused => "refused",
            Cause::GaveUp => "gave_up",
        }
    }

    /// What a reader is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Cause::QueueFull => "the reader was slower than the stream",
            Cause::ReaderGone => "the reader left",
            Cause::Malformed => "the bytes were no envelope",
            Cause::TooLarge => "larger than this reader takes",
            Cause::LogsDisabled => "logs are switched off",
            Cause::ConnectionLost => "the connection to the next hop broke",
            Cause::Shutdown => "the process ended",
            Cause::NoV1Form => "cannot be said in V1",
            Cause::Refused => "the receiver refused it",
            Cause::GaveUp => "the receiver did not take it in time",
        }
    }
}

/// Counts by cause, in the order of [`Cause::ALL`].
pub type ByCause = [u64; Cause::COUNT];

/// The balance of one queue, or of several added up. Envelopes, not chunks.
///
/// `offered = taken + dropped + queued` holds exactly in every snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Envelopes that were to be queued.
    pub offered: u64,
    /// Envelopes that the reader took.
    pub taken: u64,
    /// Envelopes that were dropped, by cause.
    pub dropped: ByCause,
    /// Envelopes that wait.
    pub queued: u64,
    /// Bytes that wait.
    pub queued_bytes: u64,
}

impl QueueStats {
    /// All drops together.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Adds another balance to this one.
    pub fn add(&mut self, other: &QueueStats) {
        self.offered += other.offered;
        self.taken += other.taken;
        for (sum, more) in self.dropped.iter_mut().zip(other.dropped) {
            *sum += more;
        }
        self.queued += other.queued;
        self.queued_bytes += other.queued_bytes;
    }

    /// Whether the books balance.
    pub fn balanced(&self) -> bool {
        self.offered == self.taken + self.dropped_total() + self.queued
    }
}

/// Most sources that one [`Loss`] names; the rest are counted together.
const NAMED: usize = 32;

/// Longest source id that is named, in bytes. Longer ones are counted with the rest:
/// a stranger chooses them, and what was lost is remembered for long.
const NAME_BYTES: usize = 256;

/// What one reader lost since it was last told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Envelopes lost, by cause.
    pub by_cause: ByCause,
    /// Envelopes lost by source and cause, for the first sources that lost any.
    pub sources: BTreeMap<Box<str>, ByCause>,
    /// Envelopes of all further sources.
    pub rest: ByCause,
}

impl Loss {
    /// Counts `envelopes` of `source`.
    pub fn record(&mut self, cause: Cause, source: &str, envelopes: u64) {
        self.by_cause[cause.index()] += envelopes;
        self.of(source)[cause.index()] += envelopes;
    }

    /// Adds what another one holds.
    pub fn add(&mut self, other: &Loss) {
        add(&mut self.by_cause, &other.by_cause);
        for (source, counts) in &other.sources {
            add(self.of(source), counts);
        }
        add(&mut self.rest, &other.rest);
    }

    /// Where a source is counted.
    fn of(&mut self, source: &str) -> &mut ByCause {
        let known = self.sources.contains_key(source);
        if !known && (self.sources.len() >= NAMED || source.len() > NAME_BYTES) {
            return &mut self.rest;
        }
        if !known {
            self.sources.insert(source.into(), ByCause::default());
        }
        self.sources.get_mut(source).unwrap_or(&mut self.rest)
    }

    /// Counts every envelope of a run of frames under its source. A notice counts
    /// for what it spoke of.
    pub fn record_frames(&mut self, generation: Generation, cause: Cause, run: &[u8]) {
        generation.for_each_envelope(run, |source, spoken_of| {
            self.record(cause, &source, spoken_of.unwrap_or(1));
        });
    }

    /// All envelopes lost.
    pub fn total(&self) -> u64 {
        self.by_cause.iter().sum()
    }

    /// Nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The causes that lost something, with their counts.
    pub fn causes(&self) -> impl Iterator<Item = (Cause, u64)> + '_ {
        causes(&self.by_cause)
    }
}

/// The causes with a count above zero.
pub fn causes(counts: &ByCause) -> impl Iterator<Item = (Cause, u64)> + '_ {
    Cause::ALL
        .into_iter()
        .zip(counts.iter().copied())
        .filter(|(_, count)| *count > 0)
}

/// Losses of a whole hop since it started: exact by cause, and by source for the
/// sources that lost most.
#[derive(Clone, Debug, Default)]
pub struct LossTotals {
    by_cause: ByCause,
    sources: HashMap<Box<str>, ByCause>,
    rest: ByCause,
}

impl LossTotals {
    /// Sources that are named after a pruning; twice as many before it.
    pub const TOP: usize = 500;

    /// Counts `envelopes` of `source`.
    pub fn record(&mut self, cause: Cause, source: &str, envelopes: u64) {
        let mut counts = ByCause::default();
        counts[cause.index()] = envelopes;
        self.add(source, &counts);
    }

    fn add(&mut self, source: &str, counts: &ByCause) {
        add(&mut self.by_cause, counts);
        if let Some(sum) = self.sources.get_mut(source) {
            add(sum, counts);
            return;
        }
        if source.len() > NAME_BYTES {
            return add(&mut self.rest, counts);
        }
        if self.sources.len() >= 2 * Self::TOP {
            self.prune();
        }
        self.sources.insert(source.into(), *counts);
    }

    /// Keeps the sources that lost most, and adds the others to the rest.
    fn prune(&mut self) {
        let mut all: Vec<_> = self.sources.drain().collect();
        all.sort_unstable_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
        for (_, counts) in all.split_off(Self::TOP.min(all.len())) {
            add(&mut self.rest, &counts);
        }
        self.sources.extend(all);
    }

    /// Counts by cause, of all sources.
    pub fn by_cause(&self) -> &ByCause {
        &self.by_cause
    }

    /// The sources that lost most, most first, at most `limit`; then all others
    /// together. Their sum is exactly [`LossTotals::by_cause`].
    pub fn top(&self, limit: usize) -> (Vec<(&str, ByCause)>, ByCause) {
        let mut all: Vec<_> = self
            .sources
            .iter()
            .map(|(id, counts)| (&**id, *counts))
            .collect();
        all.sort_unstable_by_key(|(id, counts)| {
            (std::cmp::Reverse(counts.iter().sum::<u64>()), *id)
        });
        let mut rest = self.rest;
        for (_, counts) in all.split_off(limit.min(all.len())) {
            add(&mut rest, &counts);
        }
        (all, rest)
    }
}

fn add(sum: &mut ByCause, more: &ByCause) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_stay_exact_when_sources_are_pruned() {
        let mut totals = LossTotals::default();
        let mut expected = 0;
        for source in 0..5_000_u64 {
            let count = source % 7 + 1;
            totals.record(Cause::QueueFull, &format!("app-{source}"), count);
            expected += count;
        }
        totals.record(Cause::QueueFull, "noisy", 1_000_000);
        expected += 1_000_000;
        let (top, rest) = totals.top(10);
        assert_eq!(top[0].0, "noisy");
        let named: u64 = top
            .iter()
            .map(|(_, counts)| counts.iter().sum::<u64>())
            .sum();
        assert_eq!(named + rest.iter().sum::<u64>(), expected);
        assert_eq!(totals.by_cause()[Cause::QueueFull.index()], expected);
        assert!(totals.sources.len() <= 2 * LossTotals::TOP);
    }

    #[test]
    fn a_loss_names_a_bounded_number_of_sources() {
        let mut loss = Loss::default();
        for source in 0..100 {
            loss.record(Cause::TooLarge, &format!("app-{source}"), 2);
        }
        assert_eq!(loss.sources.len(), NAMED);
        assert_eq!(loss.total(), 200);
        let named: u64 = loss.sources.values().flatten().sum();
        assert_eq!(named + loss.rest.iter().sum::<u64>(), 200);
    }

    #[test]
    fn endless_source_ids_are_counted_but_not_kept() {
        let (mut loss, mut totals) = (Loss::default(), LossTotals::default());
        for letter in ["a", "b"] {
            let source = letter.repeat(NAME_BYTES + 1);
            loss.record(Cause::QueueFull, &source, 3);
            totals.record(Cause::QueueFull, &source, 3);
        }
        assert_eq!((loss.total(), loss.sources.len()), (6, 0));
        assert_eq!(loss.rest[Cause::QueueFull.index()], 6);
        let (top, rest) = totals.top(10);
        assert!(top.is_empty());
        assert_eq!(rest[Cause::QueueFull.index()], 6);
    }

    #[test]
    fn losses_that_are_added_up_stay_whole_and_bounded() {
        let (mut one, mut other) = (Loss::default(), Loss::default());
        for source in 0..30 {
            one.record(Cause::QueueFull, &format!("a-{source}"), 1);
            other.record(Cause::TooLarge, &format!("b-{source}"), 2);
        }
        one.add(&other);
        assert_eq!((one.total(), one.sources.len()), (90, NAMED));
        let named: u64 = one.sources.values().flatten().sum();
        assert_eq!(named + one.rest.iter().sum::<u64>(), 90);
    }

    #[test]
    fn every_cause_has_its_own_index_and_name() {
        for (position, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), position);
        }
        let mut names: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Cause::COUNT);
    }
}
