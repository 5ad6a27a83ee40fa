//! What a disk does not have yet, and what it had. Files are others' business.
//!
//! A sealed block is saved once, as it is. Of an open block, what was appended since it was
//! last saved is: a journal of such parts holds what is in no sealed block yet.

use std::{hash::BuildHasher, sync::Arc};

use bytes::Bytes;

use super::{
    SHARDS, Store,
    block::{Head, Home, Sealed, head_of},
    lane::Lane,
    shard::{Cause, Shard},
    shard_of,
};
use crate::types::Types;

/// A sealed block, or the entries of one.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its source.
    pub source_id: Arc<str>,
    /// The one type of its envelopes.
    pub types: Types,
    /// What is known of it.
    pub head: Head,
    /// How many envelopes of the source had come when this was to be saved; 0 where that is
    /// not known.
    pub total: u64,
    /// Its entries, compressed if the head says so.
    pub body: Bytes,
}

/// What is to be saved.
#[derive(Clone, Debug)]
pub enum Unsaved {
    /// A sealed block.
    Sealed(Block),
    /// What was appended to an open block. The head is the whole block's, the body what
    /// begins at the offset.
    Appended(Block, usize),
}

impl Store {
    /// Sees to it that [`Store::unsaved`] tells what is not saved; until then nothing is.
    pub fn track(&self) {
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            shard.tracked = true;
            shard.list_all();
        }
    }

    /// How many parts [`Store::unsaved`] has.
    pub const PARTS: usize = SHARDS;

    /// What is not saved of a part of the sources.
    pub fn unsaved(&self, part: usize) -> Vec<Unsaved> {
        let mut all = Vec::new();
        let shard = self.shard(part);
        for slot in &shard.to_save {
            let Some(source) = shard.source(*slot) else {
                continue;
            };
            for lane in &source.lanes {
                let block = |head: &Head, body| Block {
                    source_id: Arc::clone(&source.name),
                    types: lane.types,
                    head: *head,
                    total: source.meta.count + source.meta.expired,
                    body,
                };
                let later = lane.blocks.iter().rev();
                let unsaved = later.take_while(|one| lane.scattered || one.home.is_none());
                let unsaved = unsaved.filter(|one| one.home.is_none());
                let from = all.len();
                all.extend(unsaved.map(|one| Unsaved::Sealed(block(&one.head, one.body.clone()))));
                all[from..].reverse();
                if let Some(open) = &lane.open
                    && let Some(appended @ [_, ..]) = open.bytes.get(open.saved..)
                {
                    let body = Bytes::copy_from_slice(appended);
                    all.push(Unsaved::Appended(block(&open.head, body), open.saved));
                }
            }
        }
        all
    }

    /// All this, which is of one part, is saved: sealed blocks in the file of `home`.
    pub fn saved(&self, part: usize, all: &[Unsaved], home: &Arc<Home>) {
        let mut shard = self.shard(part);
        for one in all {
            let (Unsaved::Sealed(block) | Unsaved::Appended(block, _)) = one;
            let hash = self.hasher.hash_one(&*block.source_id);
            let slot = shard.find(hash, &block.source_id);
            let Some(source) = slot.and_then(|slot| shard.source_mut(slot)) else {
                continue;
            };
            let lane = source.lane(block.types);
            let first = block.head.first;
            match one {
                Unsaved::Sealed(_) => {
                    if let Some(sealed) = lane.block(first) {
                        sealed.home = Some(Arc::clone(home));
                    }
                }
                Unsaved::Appended(_, offset) => {
                    let open = lane.open.as_mut().filter(|open| open.head.first == first);
                    if let Some(open) = open {
                        open.saved = offset + block.body.len();
                    }
                }
            }
        }
        shard.unlist_saved();
    }

    /// Nothing that was appended to an open block is saved any more: a new journal
    /// begins.
    pub fn forget_appended(&self) {
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            for source in shard.sources.iter_mut().flatten() {
                let open = source
                    .lanes
                    .iter_mut()
                    .filter_map(|lane| lane.open.as_mut());
                open.for_each(|open| open.saved = 0);
            }
            shard.list_all();
        }
    }

    /// Blocks in the file of `home` are to be saved again. How many there are.
    pub fn forget_saved(&self, home: &Arc<Home>) -> usize {
        let mut count = 0;
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            for source in shard.sources.iter_mut().flatten() {
                for lane in &mut source.lanes {
                    let before = count;
                    for block in &mut lane.blocks {
                        if block
                            .home
                            .as_ref()
                            .is_some_and(|own| Arc::ptr_eq(own, home))
                        {
                            block.home = None;
                            count += 1;
                        }
                    }
                    lane.scattered |= count > before;
                }
            }
            shard.list_all();
        }
        count
    }

    /// Takes in a sealed block that was saved before. False if it is there or no block.
    pub fn restore(&self, block: Block, home: Option<&Arc<Home>>) -> bool {
        let head = block.head;
        let strange = head.count == 0
            || head.last < head.first
            || head.last.max(block.total) >= 1 << 62
            || head.oldest > head.newest;
        if strange || head.raw_bytes as usize > 2 * Self::ENVELOPE_BYTES || !block.types.is_one() {
            return false;
        }
        self.came(head.came_last);
        let hash = self.hasher.hash_one(&*block.source_id);
        let added = self.shard(shard_of(hash)).restore(hash, block, home);
        self.make_room();
        added
    }

    /// Takes in what a journal has of an open block: entries that begin with the block's
    /// first. What follows the last whole one is left out. How many envelopes were taken
    /// in; none if the block is there.
    pub fn restore_appended(&self, open: &Block) -> u64 {
        let came = (open.head.came_first, open.head.came_last);
        let mut head = head_of(&open.body, open.head.first, came);
        let Some(whole) = open.body.get(..head.raw_bytes as usize) else {
            return 0;
        };
        let packed = self.limits().compress.then(|| self.packer.pack(whole));
        let packed = packed.flatten();
        head.packed = packed.is_some();
        let block = Block {
            source_id: Arc::clone(&open.source_id),
            types: open.types,
            head,
            total: open.total,
            body: packed.unwrap_or_else(|| Bytes::copy_from_slice(whole)),
        };
        match self.restore(block, None) {
            true => head.count.into(),
            false => 0,
        }
    }

    /// To be called after the last was restored, and before anything is put: what comes
    /// has a place after all that was there.
    pub fn restored(&self) {
        let all = (0..SHARDS).map(|index| self.shard(index).next);
        let next = all.max().unwrap_or(0);
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            shard.next = next;
            for slot in 0..shard.sources.len() {
                let Some(source) = shard.source_mut(slot) else {
                    continue;
                };
                source.lanes.iter_mut().for_each(Lane::retrace);
                // What came and is not there has gone, before the restart or by it.
                let meta = &mut source.meta;
                let (_, total) = source.told;
                if total > 0 {
                    meta.expired = total.saturating_sub(meta.count);
                }
                // A journal may have what had gone.
                let types: Vec<_> = source.lanes.iter().map(|lane| lane.types).collect();
                let most = self.terms.most;
                let gone = types
                    .iter()
                    .map(|types| source.drop_over(*types, most))
                    .sum();
                shard.expired(Cause::PerSource, gone);
                shard.weigh(slot);
            }
        }
        self.make_room();
    }
}

impl Shard {
    fn list_all(&mut self) {
        if !self.tracked {
            return;
        }
        self.to_save.clear();
        for (slot, source) in self.sources.iter_mut().enumerate() {
            if let Some(source) = source {
                source.listed = true;
                self.to_save.push(slot);
            }
        }
    }

    /// Takes off the list what has nothing to be saved.
    fn unlist_saved(&mut self) {
        let listed = std::mem::take(&mut self.to_save);
        for slot in listed {
            let Some(source) = self.source_mut(slot) else {
                continue;
            };
            for lane in &mut source.lanes {
                lane.scattered &= lane.blocks.iter().any(|block| block.home.is_none());
            }
            let unsaved = source.lanes.iter().any(|lane| {
                let open = lane.open.as_ref();
                lane.scattered
                    || lane.blocks.back().is_some_and(|last| last.home.is_none())
                    || open.is_some_and(|open| open.saved < open.bytes.len())
            });
            source.listed = unsaved;
            if unsaved {
                self.to_save.push(slot);
            }
        }
    }

    fn restore(&mut self, hash: u64, block: Block, home: Option<&Arc<Home>>) -> bool {
        let slot = self.place(hash, &block.source_id);
        let Some(source) = self.source_mut(slot) else {
            return false;
        };
        let head = block.head;
        let sealed = Sealed {
            head,
            body: block.body,
            home: home.cloned(),
            reach: i64::MAX,
            floor: i64::MIN,
        };
        source.told = source.told.max((head.last, block.total));
        let lane = source.lane(block.types);
        let added = lane.insert(sealed);
        lane.scattered |= added && home.is_none();
        if added {
            source.count(head.count.into(), head.oldest, head.newest);
            self.figures.envelopes += u64::from(head.count);
            self.next = self.next.max(head.last.saturating_add(1));
        }
        self.weigh(slot);
        added
    }
}
