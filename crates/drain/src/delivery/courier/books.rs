//! What came of what a drain took.

use std::{sync::atomic::Ordering::Relaxed, time::SystemTime};

use bytes::BytesMut;
use logweir_route::{Cause, Chunk};

use super::Courier;
use crate::delivery::{batch::Progress, tell::Loss};

impl Courier {
    /// Counts what is through.
    pub(in crate::delivery) fn note(&self, through: Progress) {
        let shared = &self.shared;
        let filtered = through.filtered;
        shared.filtered.fetch_add(filtered.into(), Relaxed);
        let written = i64::from(through.envelopes) - i64::from(filtered);
        shared.written.fetch_add(written, Relaxed);
        shared.messages.fetch_add(through.messages as u64, Relaxed);
        shared.bytes.fetch_add(through.bytes as u64, Relaxed);
        self.note_in_hand();
    }

    pub(in crate::delivery) fn note_in_hand(&self) {
        let in_hand = self.batch.in_hand().into();
        self.shared.in_hand.store(in_hand, Relaxed);
    }

    /// Bytes of messages left whole or in part.
    pub(in crate::delivery) fn sent_bytes(&mut self, bytes: usize) {
        let through = self.batch.sent_bytes(bytes);
        self.note(through);
    }

    /// Messages were taken.
    pub(in crate::delivery) fn sent(&mut self, messages: usize) {
        let through = self.batch.sent(messages);
        self.note(through);
    }

    /// The message `after` the first that is not through was taken.
    pub(in crate::delivery) fn taken(&mut self, after: usize) {
        let through = self.batch.taken(after);
        self.note(through);
    }

    /// Counts messages as lost, or keeps them where there is a spool. They are through only by
    /// [`Courier::sent`].
    pub(in crate::delivery) fn lose(&mut self, after: usize, count: usize, cause: Cause) {
        let lost = self.batch.lose(after, count);
        if !lost.is_empty() && self.store.is_none() {
            self.owed.note(SystemTime::now());
        }
        // They will be counted as written when they are through.
        let envelopes = i64::try_from(lost.len()).unwrap_or(i64::MAX);
        self.shared.written.fetch_sub(envelopes, Relaxed);
        match &self.store {
            None => self.count_lost(&lost, cause),
            Some(_) if lost.is_empty() => {}
            Some(_) => self.refused.push(joined(&lost)),
        }
    }

    /// What the receiver of a channel's drain is to be told of losses before anything else.
    pub(in crate::delivery) fn owes(&mut self) -> Option<Loss> {
        let overflowed = self.store.as_ref().map_or(0, |store| store.lost());
        let lost = self.queue.stats().dropped_total() + overflowed;
        self.owed.of(lost, SystemTime::now())
    }

    /// The receiver knows of so many lost lines more.
    pub(in crate::delivery) fn told(&mut self, loss: Loss) {
        self.owed.settle(loss);
    }

    pub(in crate::delivery) fn count_lost(&self, lost: &[Chunk], cause: Cause) {
        for chunk in lost {
            self.queue.lost_after_taking(cause, chunk);
        }
    }
}

/// One chunk of all.
fn joined(chunks: &[Chunk]) -> Chunk {
    let mut frames = BytesMut::with_capacity(chunks.iter().map(|one| one.frames.len()).sum());
    chunks
        .iter()
        .for_each(|one| frames.extend_from_slice(&one.frames));
    Chunk {
        frames: frames.freeze(),
        envelopes: chunks.iter().map(|one| one.envelopes).sum(),
        deprecated_tags: chunks.iter().any(|one| one.deprecated_tags),
    }
}
