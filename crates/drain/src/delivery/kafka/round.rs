//! The messages of a batch by their partitions.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::{
    delivery::batch::Batch,
    kafka::{
        draft, partition,
        records::{Compression, RECORD_OVERHEAD, Records, Sealed},
    },
};

/// How messages are cut into batches of records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// How many partitions the topic has.
    pub(super) partitions: usize,
    /// Most bytes of a batch, before compression.
    pub(super) bytes: usize,
    pub(super) compression: Compression,
    /// For envelopes that do not say when they are from: milliseconds since 1970.
    pub(super) now: i64,
}

/// A batch of records of one partition.
pub(super) struct Piece {
    pub(super) sealed: Sealed,
    /// Its bytes before compression.
    pub(super) plain: usize,
    /// Which messages it holds, as [`Batch`] counts those that are not through.
    pub(super) messages: Vec<usize>,
    /// The number of its first record, once it was sent.
    pub(super) sequence: Option<i32>,
}

/// What is under way: the pieces of each partition in order. None are empty.
#[derive(Default)]
pub(super) struct Round {
    pub(super) pieces: BTreeMap<i32, VecDeque<Piece>>,
}

impl Round {
    /// All messages that are not settled.
    pub(super) fn of(batch: &Batch, cut: Cut) -> Self {
        // Records without a key go anywhere, but those of one round together.
        let anywhere = fastrand::usize(..cut.partitions.max(1));
        let mut by_partition: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for at in (0..batch.left()).filter(|at| !batch.is_settled(*at)) {
            let key = draft::read(batch.message(at)).and_then(|draft| draft.key);
            let partition = key.map_or(anywhere, |key| partition::of_key(key, cut.partitions));
            let partition = i32::try_from(partition).unwrap_or(i32::MAX);
            by_partition.entry(partition).or_default().push(at);
        }
        let pieces = by_partition.into_iter();
        let pieces = pieces.map(|(partition, messages)| (partition, cut.pieces(batch, &messages)));
        Self {
            pieces: pieces.collect(),
        }
    }

    /// Nothing is under way any more.
    pub(super) fn is_settled(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Each of its partitions is one of so many.
    pub(super) fn fits(&self, partitions: usize) -> bool {
        let last = self.pieces.last_key_value();
        last.is_none_or(|(last, _)| usize::try_from(*last).is_ok_and(|last| last < partitions))
    }

    /// Takes the next piece of a partition out, if it was sent.
    pub(super) fn pop_sent(&mut self, partition: i32) -> Option<Piece> {
        let pieces = self.pieces.get_mut(&partition)?;
        pieces.front()?.sequence?;
        let first = pieces.pop_front();
        if pieces.is_empty() {
            self.pieces.remove(&partition);
        }
        first
    }

    /// These come before all others of a partition.
    pub(super) fn push_front(
        &mut self,
        partition: i32,
        pieces: impl DoubleEndedIterator<Item = Piece>,
    ) {
        let all = self.pieces.entry(partition).or_default();
        pieces.rev().for_each(|piece| all.push_front(piece));
    }
}

impl Cut {
    /// Messages of one partition in pieces, each as large as it may be.
    pub(super) fn pieces(&self, batch: &Batch, messages: &[usize]) -> VecDeque<Piece> {
        let mut pieces = VecDeque::new();
        let (mut records, mut held) = (Records::default(), Vec::new());
        for at in messages {
            let Some(draft) = draft::read(batch.message(*at)) else {
                continue;
            };
            let key = draft.key.unwrap_or_default();
            let more = key.len() + draft.value.len() + RECORD_OVERHEAD;
            if !records.is_empty() && records.len() + more > self.bytes {
                let (full, of) = (std::mem::take(&mut records), std::mem::take(&mut held));
                pieces.push_back(self.piece(full, of));
            }
            let timestamp = match draft.timestamp {
                ..=0 => self.now,
                time => time,
            };
            records.push(timestamp, draft.key, draft.value);
            held.push(*at);
        }
        if !records.is_empty() {
            pieces.push_back(self.piece(records, held));
        }
        pieces
    }

    fn piece(&self, records: Records, messages: Vec<usize>) -> Piece {
        Piece {
            plain: records.len(),
            sealed: records.seal(self.compression),
            messages,
            sequence: None,
        }
    }
}
