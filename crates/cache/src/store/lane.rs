//! What is kept of one source and one type of envelopes. Reading one type does not look
//! into the others, each has its age, and what is alike compresses well.

use std::collections::VecDeque;

use super::block::{Head, Open, Sealed};
use crate::types::Types;

/// A block is full at this many bytes, not compressed: some 120 log lines …
pub(crate) const BLOCK_BYTES: usize = 32 << 10;
/// … or less while there is little of the source: what is open is not compressed.
const SMALL_BLOCK_BYTES: usize = 4 << 10;

/// Blocks in the order in which they came.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) types: Types,
    pub(crate) blocks: VecDeque<Sealed>,
    pub(crate) open: Option<Open>,
    /// Bytes that the sealed blocks take.
    pub(crate) sealed_bytes: usize,
    /// Whether no block has a timestamp that is smaller than one of a block before it.
    pub(crate) in_order: bool,
    /// Whether a block that is not saved may come before one that is.
    pub(crate) scattered: bool,
    /// The largest timestamp of sealed blocks.
    newest_sealed: i64,
}

/// What went out of a lane.
pub(crate) struct Gone {
    pub(crate) envelopes: u64,
    pub(crate) oldest: i64,
}

impl From<Head> for Gone {
    fn from(head: Head) -> Self {
        Self {
            envelopes: head.count.into(),
            oldest: head.oldest,
        }
    }
}

impl Lane {
    pub(crate) fn new(types: Types) -> Self {
        Self {
            types,
            blocks: VecDeque::new(),
            open: None,
            sealed_bytes: 0,
            in_order: true,
            scattered: false,
            newest_sealed: i64::MIN,
        }
    }

    /// How large the open block may become.
    pub(crate) fn full(&self) -> usize {
        self.sealed_bytes.clamp(SMALL_BLOCK_BYTES, BLOCK_BYTES)
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        self.sealed_bytes + self.open.as_ref().map_or(0, Open::footprint)
    }

    /// Closes the open block. Its head and bytes, if there was one.
    pub(crate) fn seal(&mut self) -> Option<&Sealed> {
        let sealed = self.open.take()?.seal();
        self.push(sealed);
        self.blocks.back()
    }

    fn push(&mut self, block: Sealed) {
        self.sealed_bytes += block.footprint();
        self.in_order &= block.head.oldest >= self.newest_sealed || self.blocks.is_empty();
        self.newest_sealed = match self.blocks.is_empty() {
            true => block.head.newest,
            false => self.newest_sealed.max(block.head.newest),
        };
        self.blocks.push_back(block);
    }

    /// Puts a block that was sealed earlier into its place. False if there is one.
    pub(crate) fn insert(&mut self, block: Sealed) -> bool {
        let first = block.head.first;
        let later = self
            .blocks
            .back()
            .is_some_and(|last| last.head.first >= first);
        if !later {
            self.push(block);
            return true;
        }
        let Err(at) = self.position(first) else {
            return false;
        };
        self.sealed_bytes += block.footprint();
        self.in_order = false;
        self.newest_sealed = self.newest_sealed.max(block.head.newest);
        self.blocks.insert(at, block);
        true
    }

    fn position(&self, first: u64) -> Result<usize, usize> {
        self.blocks
            .binary_search_by_key(&first, |one| one.head.first)
    }

    /// The sealed block with this first envelope.
    pub(crate) fn block(&mut self, first: u64) -> Option<&mut Sealed> {
        let at = self.position(first).ok()?;
        self.blocks.get_mut(at)
    }

    /// Replaces a block by its compressed form.
    pub(crate) fn replace(&mut self, first: u64, body: bytes::Bytes) {
        let Some(block) = self.block(first) else {
            return;
        };
        let before = block.footprint();
        block.body = body;
        block.head.packed = true;
        let after = block.footprint();
        self.sealed_bytes = self.sealed_bytes - before + after;
    }

    /// Blocks that came after `now` came now.
    pub(crate) fn not_after(&mut self, now: i64) {
        let open = self.open.iter_mut().map(|open| &mut open.head);
        let sealed = self.blocks.iter_mut().map(|block| &mut block.head);
        for head in sealed.chain(open) {
            head.came_first = head.came_first.min(now);
            head.came_last = head.came_last.min(now);
        }
    }

    /// Drops its oldest block.
    pub(crate) fn drop_oldest(&mut self) -> Option<Gone> {
        if let Some(block) = self.blocks.pop_front() {
            self.sealed_bytes -= block.footprint();
            if self.blocks.is_empty() {
                self.in_order = true;
            }
            return Some(block.head.into());
        }
        Some(self.open.take()?.head.into())
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.open.is_none()
    }

    /// The heads of all blocks, in the order in which they came.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Head> {
        let open = self.open.iter().map(|open| &open.head);
        self.blocks.iter().map(|block| &block.head).chain(open)
    }

    /// The head of its oldest block.
    pub(crate) fn front(&self) -> Option<&Head> {
        self.heads().next()
    }

    /// The smallest timestamp.
    pub(crate) fn oldest(&self) -> Option<i64> {
        // Of sealed blocks in order, the first has it.
        let sealed = if self.in_order { 1 } else { self.blocks.len() };
        let sealed = self.blocks.iter().take(sealed).map(|block| &block.head);
        let open = self.open.iter().map(|open| &open.head);
        sealed.chain(open).map(|head| head.oldest).min()
    }
}
