//! What is in a queue, under its lock.

use std::{
    collections::VecDeque,
    task::{Context, Waker},
};

use bytes::{Bytes, BytesMut};

use super::{
    CHUNK_BYTES, CHUNK_ENVELOPES, Dropped,
    chunk::{Chunk, Span, chunk_of},
};
use crate::{
    generation::Generation,
    ledger::{Cause, Loss, QueueStats},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// Nothing is added any more; what is there is still taken.
    Ending,
    /// The reader is gone.
    Closed,
}

pub(super) struct Inner {
    pub(super) generation: Generation,
    pub(super) sealed: VecDeque<Chunk>,
    pub(super) tail: BytesMut,
    pub(super) tail_envelopes: u32,
    pub(super) tail_deprecated_tags: bool,
    /// Size of the last tail: the next one is allocated for as much.
    pub(super) tail_hint: usize,
    pub(super) stats: QueueStats,
    pub(super) loss: Option<Box<Loss>>,
    /// Pushes that have dropped something and are not yet through with counting what.
    pub(super) tallying: usize,
    pub(super) reader: Option<Waker>,
    /// The reader is woken once this many bytes wait.
    pub(super) wake_from: u64,
    pub(super) state: State,
}

impl Inner {
    pub(super) fn new(generation: Generation) -> Self {
        Self {
            generation,
            sealed: VecDeque::new(),
            tail: BytesMut::new(),
            tail_envelopes: 0,
            tail_deprecated_tags: false,
            tail_hint: 0,
            stats: QueueStats::default(),
            loss: None,
            tallying: 0,
            reader: None,
            wake_from: 0,
            state: State::Open,
        }
    }

    pub(super) fn nothing_dropped(&self) -> Dropped {
        Dropped {
            runs: Vec::new(),
            generation: self.generation,
        }
    }

    /// The reader is woken once this many bytes wait.
    pub(super) fn wait(&mut self, context: &mut Context<'_>, at_least: u64) {
        self.wake_from = at_least;
        match &mut self.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }

    /// Why nothing can be added any more.
    pub(super) fn refuses(&self) -> Option<Cause> {
        match self.state {
            State::Open => None,
            State::Ending => Some(Cause::Shutdown),
            State::Closed => Some(Cause::ReaderGone),
        }
    }

    /// Counts the frames as lost when the queue has ended.
    pub(super) fn refuse(
        &mut self,
        batch: &Bytes,
        spans: impl Iterator<Item = Span>,
    ) -> Option<Dropped> {
        let cause = self.refuses()?;
        let mut dropped = self.nothing_dropped();
        for span in spans {
            self.stats.offered += 1;
            let mut run = self.drop_run(cause, chunk_of(batch, &[span]));
            dropped.runs.append(&mut run.runs);
        }
        Some(dropped)
    }

    pub(super) fn append(&mut self, batch: &[u8], span: Span) {
        let frame = &batch[span.start as usize..span.end as usize];
        self.append_run(frame, 1, span.deprecated_tags);
    }

    pub(super) fn append_run(&mut self, run: &[u8], envelopes: u32, deprecated_tags: bool) {
        let full = self.tail_envelopes + envelopes > CHUNK_ENVELOPES
            || self.tail.len() + run.len() > CHUNK_BYTES;
        if full {
            self.seal();
        }
        if self.tail.capacity() == 0 {
            self.tail.reserve(run.len().max(self.tail_hint));
        }
        self.tail.extend_from_slice(run);
        self.tail_envelopes += envelopes;
        self.tail_deprecated_tags |= deprecated_tags;
        self.count_in(run.len(), envelopes);
    }

    pub(super) fn sealed_by(&mut self, chunk: Chunk) {
        self.seal();
        self.count_in(chunk.frames.len(), chunk.envelopes);
        self.sealed.push_back(chunk);
    }

    pub(super) fn count_in(&mut self, bytes: usize, envelopes: u32) {
        self.stats.offered += u64::from(envelopes);
        self.stats.queued += u64::from(envelopes);
        self.stats.queued_bytes += bytes as u64;
    }

    /// Closes the tail, so that the next frame starts a new chunk.
    pub(super) fn seal(&mut self) {
        if let Some(chunk) = self.take_tail() {
            self.sealed.push_back(chunk);
        }
    }

    pub(super) fn take_tail(&mut self) -> Option<Chunk> {
        if self.tail_envelopes == 0 {
            return None;
        }
        self.tail_hint = self.tail.len().min(CHUNK_BYTES);
        let frames = std::mem::take(&mut self.tail).freeze();
        let envelopes = std::mem::take(&mut self.tail_envelopes);
        let deprecated_tags = std::mem::take(&mut self.tail_deprecated_tags);
        Some(Chunk {
            frames,
            envelopes,
            deprecated_tags,
        })
    }

    /// Takes the oldest chunk out of the queue's depth; the caller counts where
    /// it went.
    pub(super) fn pop_oldest(&mut self) -> Option<Chunk> {
        let chunk = self.sealed.pop_front().or_else(|| self.take_tail())?;
        self.stats.queued -= u64::from(chunk.envelopes);
        self.stats.queued_bytes -= chunk.frames.len() as u64;
        Some(chunk)
    }

    pub(super) fn drop_run(&mut self, cause: Cause, chunk: Chunk) -> Dropped {
        self.stats.dropped[cause.index()] += u64::from(chunk.envelopes);
        if self.state != State::Closed {
            let loss = self.loss.get_or_insert_default();
            loss.record_frames(self.generation, cause, &chunk.frames);
        }
        Dropped {
            runs: vec![(cause, chunk.frames)],
            generation: self.generation,
        }
    }
}
