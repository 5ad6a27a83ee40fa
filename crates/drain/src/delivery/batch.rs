//! What a drain took from its queue and has not delivered yet: chunks, and the messages that
//! they became.

mod form;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use logweir_proto::{frames::frames, peek::peek};
use logweir_route::Chunk;
use tokio::time::Instant;

pub(super) use form::Form;
#[cfg(test)]
use form::{Framing, Shape};
use form::{Mark, Want};

/// Buffers above this size are not kept for the next batch.
const KEEP: usize = 4 << 10;

/// Messages that may be under way at once.
pub(super) const EARLY: usize = 32;

/// What is through. Envelopes include those that the filter left out and those that were
/// lost, messages and bytes do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) envelopes: u32,
    pub(super) filtered: u32,
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// What adding a chunk did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) sanitised: usize,
    /// Envelopes that told about the drain itself.
    pub(super) own: u32,
    /// Timestamp of its last envelope.
    pub(super) newest: i64,
    /// What was through at once, because it makes no message.
    pub(super) through: Progress,
}

/// Messages in the order of their envelopes. They are through from the first on.
#[derive(Default)]
pub(super) struct Batch {
    /// What the messages were made of, for the books if they are lost.
    chunks: VecDeque<Chunk>,
    envelopes: u32,
    filtered: u32,
    /// Envelopes that were through before the first message, and those of them that the
    /// filter left out.
    before: (u32, u32),
    /// The messages.
    out: Vec<u8>,
    /// The same once requests share them.
    shared: Bytes,
    marks: Vec<Mark>,
    /// Messages that are through.
    done: usize,
    /// When the first chunk was taken.
    since: Option<Instant>,
    /// How far the lines of a channel have gone, the furthest of them.
    hops: u8,
    /// Chunks that are through whole.
    finished: usize,
    scratch: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// Nothing is left to deliver.
    pub(super) fn is_empty(&self) -> bool {
        self.done == self.marks.len()
    }

    /// Bytes of the messages that are not through.
    pub(super) fn len(&self) -> usize {
        self.end_of(self.marks.len()) - self.end_of(self.done)
    }

    /// Some of it is through, and not all.
    pub(super) fn is_rest(&self) -> bool {
        self.done > 0 && !self.is_empty()
    }

    /// How far the lines of a channel have gone, the furthest of them.
    pub(super) fn hops(&self) -> u8 {
        self.hops
    }

    /// When the first chunk was taken.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Envelopes that are not through.
    pub(super) fn in_hand(&self) -> u32 {
        self.envelopes - self.through(self.done).0
    }

    /// Chunks that are through whole since this was last asked.
    pub(super) fn take_finished(&mut self) -> usize {
        std::mem::take(&mut self.finished)
    }

    /// So many bytes of envelopes are about to be added: makes room for their messages at once,
    /// as much as they need.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.out.reserve_exact(bytes + bytes / 4);
    }

    /// Takes a chunk and makes its messages.
    pub(super) fn add(&mut self, chunk: Chunk, form: &Form, now: Instant) -> Added {
        if self.done > 0 || !self.shared.is_empty() {
            self.rewind(now);
        }
        self.since.get_or_insert(now);
        // Header and quotes make a message somewhat longer than its envelope.
        self.out
            .reserve(chunk.frames.len() + chunk.frames.len() / 4);
        let mut added = Added::default();
        let mut last: &[u8] = &[];
        for frame in frames(&chunk.frames).flatten() {
            last = frame.envelope;
            match form.wants(frame.envelope) {
                Want::Message => {
                    let before = self.marks.len();
                    added.sanitised += self.format(frame.envelope, form);
                    // A channel's message without a header is one that nobody can be sent.
                    if self.marks.len() == before && form.is_of_channel() {
                        self.filtered += 1;
                    }
                }
                Want::Other => self.filtered += 1,
                Want::Own => {
                    self.filtered += 1;
                    added.own += 1;
                }
            }
            self.envelopes += 1;
        }
        added.newest = peek(last).map_or(0, |seen| seen.timestamp);
        self.chunks.push_back(chunk);
        if self.is_empty() {
            added.through.envelopes = self.envelopes - self.before.0;
            added.through.filtered = self.filtered - self.before.1;
            self.clear();
        }
        added
    }

    /// Where a message ends, counted from the first of the batch; 0 for none.
    fn end_of(&self, messages: usize) -> usize {
        match messages {
            0 => 0,
            some => self.marks[some - 1].end,
        }
    }

    /// Envelopes that are through with so many messages, and those of them that the filter
    /// left out.
    fn through(&self, messages: usize) -> (u32, u32) {
        if messages == self.marks.len() {
            return (self.envelopes, self.filtered);
        }
        match messages {
            0 => self.before,
            some => {
                let mark = self.marks[some - 1];
                (mark.envelope + u32::from(mark.last), mark.filtered)
            }
        }
    }

    /// The bytes of all messages that are not through.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.out[self.end_of(self.done)..]
    }

    /// Messages that are not through.
    pub(super) fn left(&self) -> usize {
        self.marks.len() - self.done
    }

    /// The next messages that have at least `bytes` bytes together, or all that are left.
    pub(super) fn filling(&self, bytes: usize) -> usize {
        let target = self.end_of(self.done) + bytes;
        let short = self.marks[self.done..].partition_point(|mark| mark.end < target);
        (short + 1).min(self.left())
    }

    /// The next messages of a Logplex packet: those that stay below `bytes` together. One that
    /// has so many alone goes with what is before it, and ends the packet.
    pub(super) fn packing(&self, bytes: usize) -> usize {
        let start = self.end_of(self.done);
        let ahead = &self.marks[self.done..];
        let below = ahead.partition_point(|mark| mark.end < start + bytes);
        let packed = self.end_of(self.done + below);
        match ahead.get(below) {
            Some(next) if below == 0 || next.end - packed >= bytes => below + 1,
            _ => below,
        }
    }

    /// The bytes of `count` messages, from the one `after` the first that is not through, for
    /// a request.
    pub(super) fn body(&mut self, after: usize, count: usize) -> Bytes {
        if !self.out.is_empty() {
            self.shared = Bytes::from(std::mem::take(&mut self.out));
        }
        let from = self.end_of(self.done + after);
        let to = self.end_of(self.done + after + count);
        self.shared.slice(from..to)
    }

    /// The message `after` the first that is not through.
    pub(super) fn message(&self, after: usize) -> &[u8] {
        let all: &[u8] = match self.shared.is_empty() {
            true => &self.out,
            false => &self.shared,
        };
        let message = self.done + after;
        &all[self.end_of(message)..self.end_of(message + 1)]
    }

    /// So many bytes of [`Batch::unsent`] left. A message that left in part goes again.
    pub(super) fn sent_bytes(&mut self, bytes: usize) -> Progress {
        let until = self.end_of(self.done) + bytes;
        let messages = self.marks[self.done..].partition_point(|mark| mark.end <= until);
        self.sent(messages)
    }

    /// Whether the message `after` the first that is not through is taken already.
    pub(super) fn is_taken(&self, after: usize) -> bool {
        let mark = self.marks.get(self.done + after);
        mark.is_some_and(|mark| mark.taken)
    }

    /// Whether it is taken or lost.
    pub(super) fn is_settled(&self, after: usize) -> bool {
        let mark = self.marks.get(self.done + after);
        mark.is_some_and(|mark| mark.taken || mark.lost)
    }

    /// The message `after` the first that is not through is taken, and cannot be lost any
    /// more. That alone does not make it through.
    pub(super) fn take(&mut self, after: usize) {
        if let Some(mark) = self.marks.get_mut(self.done + after) {
            mark.taken = true;
        }
    }

    /// The message `after` the first that is not through is taken; it is through once all
    /// before it are.
    pub(super) fn taken(&mut self, after: usize) -> Progress {
        self.take(after);
        let next = self.marks[self.done..].iter();
        self.sent(next.take_while(|mark| mark.taken).count())
    }

    /// So many messages more are through.
    pub(super) fn sent(&mut self, messages: usize) -> Progress {
        let mut start = self.end_of(self.done);
        let before = self.through(self.done);
        let mut progress = Progress::default();
        for mark in &self.marks[self.done..self.done + messages] {
            if !mark.lost {
                progress.messages += 1;
                progress.bytes += mark.end - start;
            }
            start = mark.end;
        }
        self.done += messages;
        let after = self.through(self.done);
        progress.envelopes = after.0 - before.0;
        progress.filtered = after.1 - before.1;
        if self.is_empty() {
            self.clear();
        }
        progress
    }

    /// The envelopes of `count` messages, from the one `after` the first that is not through,
    /// a chunk for each: they are lost, and returned but once. Messages that are taken are not
    /// lost. That alone does not make any through.
    pub(super) fn lose(&mut self, after: usize, count: usize) -> Vec<Chunk> {
        let first = (self.done + after).min(self.marks.len());
        let end = (first + count).min(self.marks.len());
        let mut envelopes = Vec::new();
        for at in first..end {
            let Mark { envelope, .. } = self.marks[at];
            if self.marks[at].taken || self.marks[at].lost {
                continue;
            }
            self.marks[at].lost = true;
            if !self.marks[at].told {
                envelopes.push(envelope);
                let (before, after) = self.marks.split_at_mut(at);
                let of = |mark: &&mut Mark| mark.envelope == envelope;
                let same = before.iter_mut().rev().take_while(of);
                same.chain(after.iter_mut().take_while(of))
                    .for_each(|mark| mark.told = true);
            }
        }
        self.frames_of(&envelopes)
    }

    /// Envelopes by their positions, in order, a chunk for each.
    fn frames_of(&self, envelopes: &[u32]) -> Vec<Chunk> {
        let mut wanted = envelopes.iter().peekable();
        let mut position = 0;
        let mut all = Vec::with_capacity(envelopes.len());
        for chunk in &self.chunks {
            if wanted
                .peek()
                .is_none_or(|next| **next >= position + chunk.envelopes)
            {
                position += chunk.envelopes;
                continue;
            }
            for frame in frames(&chunk.frames).flatten() {
                if wanted.next_if(|next| **next == position).is_some() {
                    let end = frame.start + frame.bytes.len();
                    all.push(Chunk {
                        frames: chunk.frames.slice(frame.start..end),
                        envelopes: 1,
                        deprecated_tags: chunk.deprecated_tags,
                    });
                }
                position += 1;
            }
        }
        all
    }

    fn clear(&mut self) {
        self.finished += self.chunks.len();
        self.chunks.clear();
        self.envelopes = 0;
        self.filtered = 0;
        self.before = (0, 0);
        self.out.clear();
        self.shared = Bytes::new();
        self.marks.clear();
        self.done = 0;
        self.since = None;
        self.hops = 0;
    }

    /// Forgets what is through, so that more can be added after what is not.
    fn rewind(&mut self, now: Instant) {
        let (start, through) = (self.end_of(self.done), self.through(self.done));
        if !self.shared.is_empty() {
            self.out = self.shared[start..].to_vec();
            self.shared = Bytes::new();
        } else {
            self.out.drain(..start);
        }
        self.marks.drain(..self.done);
        let mut gone = 0;
        while let Some(first) = self.chunks.front()
            && gone + first.envelopes <= through.0
        {
            gone += first.envelopes;
            self.chunks.pop_front();
            self.finished += 1;
        }
        for mark in &mut self.marks {
            mark.end -= start;
            mark.envelope -= gone;
        }
        self.before = (through.0 - gone, through.1);
        self.envelopes -= gone;
        if self.done > 0 {
            // What is left of it has not waited yet.
            self.since = Some(now);
        }
        self.done = 0;
    }

    /// Gives large buffers back.
    pub(super) fn release(&mut self) {
        let held = self.out.capacity() + self.scratch.capacity() + self.marks.capacity();
        if held > KEEP {
            self.free();
        }
    }

    /// Gives all buffers back, if nothing is in them.
    pub(super) fn free(&mut self) {
        if self.is_empty() {
            *self = Self {
                finished: self.finished,
                ..Self::default()
            };
        }
    }
}
