//! A part of the sources, under one lock.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use super::{
    Expired, Put,
    source::{Filled, Source},
};

/// Figures of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) envelopes: u64,
    pub(crate) put: u64,
    pub(crate) expired: Expired,
}

/// Why envelopes go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause {
    Budget,
    Age,
    PerSource,
}

/// The terms of a put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) now: i64,
    /// Most envelopes of a source and a type.
    pub(crate) most: u64,
    /// Most envelopes of a block.
    pub(crate) block: u32,
}

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    /// Places in `sources`, by name.
    names: HashTable<usize>,
    pub(crate) sources: Vec<Option<Source>>,
    free: Vec<usize>,
    /// How often a source came or went.
    pub(crate) changes: u64,
    /// The sources by what they hold; those that hold as much, the one that has held it
    /// for the longest last.
    ranks: BTreeSet<(u64, usize)>,
    pub(crate) next: u64,
    pub(crate) figures: Figures,
    /// Whether sources with something to be saved are listed.
    pub(crate) tracked: bool,
    pub(crate) to_save: Vec<usize>,
    shared: Arc<Shared>,
}

/// What is known of a shard without its lock.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The rank of its largest source.
    pub(crate) largest: AtomicU64,
    /// Bytes that its sources take.
    pub(crate) bytes: AtomicUsize,
}

impl Shard {
    pub(crate) fn new(index: usize, shared: Arc<Shared>) -> Self {
        Self {
            index,
            names: HashTable::new(),
            sources: Vec::new(),
            free: Vec::new(),
            changes: 0,
            ranks: BTreeSet::new(),
            next: 0,
            figures: Figures::default(),
            tracked: false,
            to_save: Vec::new(),
            shared,
        }
    }

    pub(crate) fn find(&self, hash: u64, name: &str) -> Option<usize> {
        let is_it = |slot: &usize| {
            let source = self.sources.get(*slot).and_then(Option::as_ref);
            source.is_some_and(|source| *source.name == *name)
        };
        self.names.find(hash, is_it).copied()
    }

    pub(crate) fn source(&self, slot: usize) -> Option<&Source> {
        self.sources.get(slot)?.as_ref()
    }

    pub(crate) fn source_mut(&mut self, slot: usize) -> Option<&mut Source> {
        self.sources.get_mut(slot)?.as_mut()
    }

    /// The place of a source, which is made if there is none.
    pub(crate) fn place(&mut self, hash: u64, name: &str) -> usize {
        if let Some(slot) = self.find(hash, name) {
            return slot;
        }
        self.changes += 1;
        let source = Some(Source::new(name, hash));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.sources[slot] = source;
                slot
            }
            None => {
                self.sources.push(source);
                self.sources.len() - 1
            }
        };
        let sources = &self.sources;
        let hash_of = |slot: &usize| sources[*slot].as_ref().map_or(0, |source| source.hash);
        self.names.insert_unique(hash, slot, hash_of);
        slot
    }

    /// Keeps envelopes, each with the hash of its source. What they filled is to be
    /// compressed.
    pub(crate) fn put(&mut self, puts: &[(u64, Put<'_>)], terms: Terms, filled: &mut Vec<Filled>) {
        // All are looked up before the first is written: of thousands of sources none is in
        // the processor's cache, and so it waits for several of them at a time.
        let slots = puts
            .iter()
            .map(|(hash, put)| self.place(*hash, put.source_id));
        let slots: Vec<usize> = slots.collect();
        let sources = slots.iter().filter_map(|slot| self.source(*slot));
        let ends = sources.zip(puts);
        let ends = ends.map(|(source, (_, put))| source.touch(put.types));
        std::hint::black_box(ends.fold(0, u8::wrapping_add));
        for (slot, (_, put)) in slots.into_iter().zip(puts) {
            filled.extend(self.append(slot, put, terms));
        }
    }

    fn append(&mut self, slot: usize, put: &Put<'_>, terms: Terms) -> Option<Filled> {
        let source = self.sources[slot].as_mut()?;
        let sequence = self.next;
        self.next += 1;
        self.figures.put += 1;
        self.figures.envelopes += 1;
        let filled = source.append(put, sequence, terms);
        let gone = source.drop_over(put.types, terms.most);
        if self.tracked && !source.listed {
            source.listed = true;
            self.to_save.push(slot);
        }
        self.expired(Cause::PerSource, gone);
        self.weigh(slot);
        filled.map(|(first, raw)| Filled {
            shard: self.index,
            slot,
            types: put.types,
            first,
            raw,
        })
    }

    pub(crate) fn expired(&mut self, cause: Cause, envelopes: u64) {
        let expired = &mut self.figures.expired;
        let count = match cause {
            Cause::Budget => &mut expired.budget,
            Cause::Age => &mut expired.age,
            Cause::PerSource => &mut expired.per_source,
        };
        *count += envelopes;
        self.figures.envelopes -= envelopes;
    }

    /// Takes note of what a source holds after it changed.
    pub(crate) fn weigh(&mut self, slot: usize) {
        let Some(source) = self.sources.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let (before, after) = (source.bytes, source.footprint());
        if source.meta.count == 0 {
            self.ranks.remove(&(source.rank, slot));
            self.forget(slot, before);
        } else {
            if before == after {
                return;
            }
            source.bytes = after;
            let class = class(after);
            if source.rank >> CLASS_SHIFT != class || before == 0 {
                self.ranks.remove(&(source.rank, slot));
                source.rank = class << CLASS_SHIFT | earlier(source.came_first());
                self.ranks.insert((source.rank, slot));
            }
            let bytes = &self.shared.bytes;
            bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
        let largest = self.ranks.last().map_or(0, |(rank, _)| *rank);
        self.shared.largest.store(largest, Ordering::Relaxed);
    }

    fn forget(&mut self, slot: usize, bytes: usize) {
        let Some(gone) = self.sources[slot].take() else {
            return;
        };
        if let Ok(known) = self.names.find_entry(gone.hash, |other| *other == slot) {
            known.remove();
        }
        self.changes += 1;
        self.free.push(slot);
        self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Drops the oldest block of the source that holds most. False if there is none.
    pub(crate) fn drop_largest(&mut self) -> bool {
        let Some((_, slot)) = self.ranks.last().copied() else {
            return false;
        };
        let Some(source) = self.source_mut(slot) else {
            return false;
        };
        let gone = source.drop_largest();
        self.expired(Cause::Budget, gone);
        self.weigh(slot);
        true
    }
}

const CLASS_SHIFT: u32 = 48;

/// A source that takes no more holds a few envelopes.
const SMALL: usize = 4 << 10;

/// Eight classes for each doubling. The small ones are all of one class: of two of them
/// the older is to go, whichever has the longer name.
fn class(bytes: usize) -> u64 {
    let bytes = bytes.max(SMALL) as u64;
    let power = bytes.ilog2();
    u64::from(power) * 8 + (bytes >> (power - 3) & 7)
}

/// Larger for what came earlier: milliseconds, in 48 bits.
fn earlier(came: i64) -> u64 {
    let millis = (came / 1_000_000).clamp(0, (1 << CLASS_SHIFT) - 1);
    ((1 << CLASS_SHIFT) - 1 - millis).cast_unsigned()
}
