//! What is kept of one source and one type of envelopes. Reading one type does not look
//! into the others, each has its age, and what is alike compresses well.

use std::collections::VecDeque;

use super::block::{Head, Open, Sealed};
use crate::types::Types;

/// A block is full at this many bytes, not compressed: some 120 log lines …
pub(crate) const BLOCK_BYTES: usize = 32 << 10;
/// … or less while there is little of the source: what is open is not compressed. Half of
/// this takes no less memory, as it compresses worse, and a third more time.
const SMALL_BLOCK_BYTES: usize = 8 << 10;

/// Of one number after another, the upper bits of this many times as much are spread evenly.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Blocks in the order in which they came.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) types: Types,
    pub(crate) blocks: VecDeque<Sealed>,
    pub(crate) open: Option<Open>,
    /// Envelopes.
    pub(crate) count: u64,
    /// Bytes that the sealed blocks take.
    pub(crate) sealed_bytes: usize,
    /// Whether a block that is not saved may come before one that is.
    pub(crate) scattered: bool,
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
            count: 0,
            sealed_bytes: 0,
            scattered: false,
        }
    }

    /// How large the open block, whose first envelope has this sequence number, may become:
    /// a quarter more or less than usual. Thousands of sources that are written to alike
    /// would fill all their blocks at once, and who comes then would wait until they are
    /// compressed.
    pub(crate) fn full(&self, first: u64) -> usize {
        let usual = self.sealed_bytes.clamp(SMALL_BLOCK_BYTES, BLOCK_BYTES);
        let steps = first.wrapping_mul(GOLDEN) >> (u64::BITS - 6);
        let steps = usize::try_from(steps).unwrap_or(0);
        usual - usual / 4 + usual / 128 * steps
    }

    /// With how much room an open block begins: half of what it may have. The first of all,
    /// which may have one line for ever, grows from nothing.
    pub(crate) fn room(&self, first: u64) -> usize {
        let before = self.blocks.back().map_or(0, |last| last.head.raw_bytes);
        let before = usize::try_from(before).unwrap_or(0);
        // Where a bound of envelopes closes blocks early, they are all about as large.
        (before + before / 8).min(self.full(first) / 2)
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

    fn push(&mut self, mut block: Sealed) {
        self.sealed_bytes += block.footprint();
        let (oldest, newest) = (block.head.oldest, block.head.newest);
        let before = self.blocks.back().map_or(i64::MIN, |last| last.reach);
        block.reach = before.max(newest);
        block.floor = oldest;
        // Late ones reach back some blocks; most often none.
        let later = self.blocks.iter_mut().rev();
        for earlier in later.take_while(|earlier| earlier.floor > oldest) {
            earlier.floor = oldest;
        }
        self.blocks.push_back(block);
    }

    /// Finds out what the blocks reach to after some were put between others.
    pub(crate) fn retrace(&mut self) {
        self.trace_reach(false);
        let mut floor = i64::MAX;
        for block in self.blocks.iter_mut().rev() {
            floor = floor.min(block.head.oldest);
            block.floor = floor;
        }
    }

    /// From the first block on: up to where it is known already, if it was before the
    /// first one went.
    fn trace_reach(&mut self, known: bool) {
        let mut reach = i64::MIN;
        for block in &mut self.blocks {
            reach = reach.max(block.head.newest);
            if known && block.reach == reach {
                break;
            }
            block.reach = reach;
        }
    }

    /// Puts a block that was sealed earlier into its place. False if there is one. To be
    /// followed by [`Lane::retrace`].
    pub(crate) fn insert(&mut self, block: Sealed) -> bool {
        let (first, count) = (block.head.first, block.head.count);
        let later = self
            .blocks
            .back()
            .is_some_and(|last| last.head.first >= first);
        if !later {
            self.count += u64::from(count);
            self.push(block);
            return true;
        }
        let Err(at) = self.position(first) else {
            return false;
        };
        self.count += u64::from(count);
        self.sealed_bytes += block.footprint();
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
            self.trace_reach(true);
            self.count -= u64::from(block.head.count);
            return Some(block.head.into());
        }
        let head = self.open.take()?.head;
        self.count -= u64::from(head.count);
        Some(head.into())
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
        let sealed = self.blocks.front().map(|block| block.floor);
        let open = self.open.as_ref().map(|open| open.head.oldest);
        sealed.into_iter().chain(open).min()
    }
}
