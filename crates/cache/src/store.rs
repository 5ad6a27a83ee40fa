//! The latest envelopes of every source, within one budget.
//!
//! | file | holds |
//! |---|---|
//! | [`entry`] | how an envelope lies in a block |
//! | [`block`] | runs of envelopes, open or sealed |
//! | [`lane`] | the blocks of one source and type |
//! | [`source`] | a source and its exact figures |
//! | [`shard`] | a part of the sources, under one lock, ranked by what they hold |
//! | [`read`], [`filter`] | which blocks a query looks into, and what it finds there |
//! | [`scan`] | all envelopes of a window, for series |
//! | [`pack`] | compression, outside of every lock |
//! | [`sources`] | all of them by name |
//! | [`saving`] | what a disk does not have yet, and what it had |
//!
//! **What goes first.** Order of arrival decides, not timestamps: what a wrong clock has
//! stamped with next year leaves as everything else does. Past the budget the source that
//! holds most loses the oldest block of the type of which it holds most.

mod block;
mod entry;
mod filter;
mod lane;
mod pack;
mod read;
mod saving;
mod scan;
mod shard;
mod source;
mod sources;

use std::{
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use hashbrown::DefaultHashBuilder;

use crate::{
    limits::StoreLimits,
    query::{Page, Query},
    types::Types,
};
pub use block::{Head, Home};
use pack::Packer;
pub use saving::{Block, Unsaved};
pub use scan::{Passing, Scan};
use shard::{Cause, Shard, Shared, Terms};
use source::Filled;
use sources::Order;
pub use sources::Sources;

/// What is less is no clock that was set back.
const SECOND: i64 = 1_000_000_000;

/// Parts of the sources, each under a lock of its own: few enough that a batch has several
/// envelopes of each.
const SHARDS: usize = 16;
/// Most envelopes that are put under one lock.
const AT_ONCE: usize = 128;

/// The latest envelopes of every source. Shared by reference: each method takes short
/// locks of its own.
#[derive(Debug)]
pub struct Store {
    limits: StoreLimits,
    terms: Terms,
    hasher: DefaultHashBuilder,
    shards: Vec<(Mutex<Shard>, Arc<Shared>)>,
    packer: Packer,
    /// Held by the one that makes room.
    room: Mutex<()>,
    /// The latest time that anything came, for all that is known.
    latest: AtomicI64,
    /// The order of the sources' names when it was last asked for.
    order: Mutex<Arc<Order>>,
}

/// An envelope that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// Its source.
    pub source_id: &'a str,
    /// Its timestamp (nanoseconds since 1970).
    pub timestamp: i64,
    /// Its one type.
    pub types: Types,
    /// Its bytes, not framed.
    pub envelope: &'a [u8],
}

/// What is kept of a source, and what is not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceMeta {
    /// Envelopes that are kept.
    pub count: u64,
    /// Envelopes that went since the source was first heard of.
    pub expired: u64,
    /// The smallest timestamp that is kept.
    pub oldest: i64,
    /// The largest timestamp that came.
    pub newest: i64,
}

/// Envelopes that went, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// For room.
    pub budget: u64,
    /// For their age.
    pub age: u64,
    /// For newer ones of their source.
    pub per_source: u64,
}

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes that count against the budget.
    pub bytes: usize,
    /// Envelopes that are kept.
    pub envelopes: u64,
    /// Sources with any.
    pub sources: usize,
    /// Envelopes that came.
    pub put: u64,
    /// Envelopes that went.
    pub expired: Expired,
    /// The smallest timestamp that is kept.
    pub oldest: Option<i64>,
}

impl Store {
    /// Larger envelopes are not kept.
    pub const ENVELOPE_BYTES: usize = 64 << 20;

    /// An empty store.
    pub fn new(limits: StoreLimits) -> Self {
        let shard = |index| {
            let shared = Arc::<Shared>::default();
            (Mutex::new(Shard::new(index, Arc::clone(&shared))), shared)
        };
        let most = limits.per_source_envelopes.unwrap_or(u64::MAX).max(1);
        Self {
            // A block goes whole: it holds a small part of what its source may hold.
            terms: Terms {
                now: 0,
                most,
                block: u32::try_from(most / 16).unwrap_or(u32::MAX).max(1),
            },
            limits,
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(shard).collect(),
            packer: Packer::default(),
            room: Mutex::new(()),
            latest: AtomicI64::new(i64::MIN),
            order: Mutex::default(),
        }
    }

    /// Keeps envelopes that came at `now` (nanoseconds since 1970). Their bytes are
    /// copied.
    pub fn put<'a>(&self, now: i64, envelopes: impl IntoIterator<Item = Put<'a>>) {
        let terms = Terms { now, ..self.terms };
        self.came(now);
        let envelopes = envelopes.into_iter();
        let envelopes = envelopes.filter(|put| put.envelope.len() <= Self::ENVELOPE_BYTES);
        let envelopes = envelopes.map(|put| (self.hasher.hash_one(put.source_id), put));
        let mut envelopes: Vec<(u64, Put<'a>)> = envelopes.collect();
        // Those of one source stay in their order.
        envelopes.sort_by_key(|(hash, _)| shard_of(*hash));
        let mut filled = Vec::new();
        for of_shard in envelopes.chunk_by(|(a, _), (b, _)| shard_of(*a) == shard_of(*b)) {
            let index = shard_of(of_shard[0].0);
            for part in of_shard.chunks(AT_ONCE) {
                self.shard(index).put(part, terms, &mut filled);
            }
        }
        self.pack(filled);
        self.make_room();
    }

    /// Takes note of when something came.
    fn came(&self, at: i64) {
        if at > self.latest.load(Ordering::Relaxed) {
            self.latest.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// Compresses blocks that were filled.
    fn pack(&self, filled: Vec<Filled>) {
        if !self.limits.compress {
            return;
        }
        for block in filled {
            let Some(packed) = self.packer.pack(&block.raw) else {
                continue;
            };
            let mut shard = self.shard(block.shard);
            // It may have gone meanwhile, and its source with it.
            if let Some(source) = shard.source_mut(block.slot) {
                source.lane(block.types).replace(block.first, packed);
                shard.weigh(block.slot);
            }
        }
    }

    fn make_room(&self) {
        if self.bytes() <= self.limits.bytes {
            return;
        }
        let _one = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        while self.bytes() > self.limits.bytes {
            let largest = self.shards.iter();
            let largest = largest.max_by_key(|(_, shared)| shared.largest.load(Ordering::Relaxed));
            let Some((shard, _)) = largest else { return };
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if !shard.drop_largest() {
                return;
            }
        }
    }

    /// Envelopes of a source. Takes time in proportion to what it looks at: a query
    /// with names or a search belongs on a thread that may block.
    pub fn read(&self, query: &Query) -> Page {
        let hash = self.hasher.hash_one(&*query.source_id);
        let candidates = {
            let shard = self.shard(shard_of(hash));
            let slot = shard.find(hash, &query.source_id);
            slot.and_then(|slot| shard.source(slot))
                .map(|source| read::candidates(source, query))
        };
        candidates.map_or_else(Page::default, |candidates| {
            candidates.page(&query.source_id, query, &self.packer)
        })
    }

    /// What comes of this source from now on has sequence numbers from this one on.
    pub fn mark(&self, source_id: &str) -> u64 {
        let hash = self.hasher.hash_one(source_id);
        self.shard(shard_of(hash)).next
    }

    /// What is known of a source.
    pub fn meta_of(&self, source_id: &str) -> Option<SourceMeta> {
        let hash = self.hasher.hash_one(source_id);
        let shard = self.shard(shard_of(hash));
        let slot = shard.find(hash, source_id)?;
        shard.source(slot).map(|source| source.meta)
    }

    /// Drops what is too old at `now` (nanoseconds since 1970). To be called every few
    /// seconds.
    pub fn sweep(&self, now: i64) {
        if self.limits.max_age.is_none() && self.limits.max_age_of.is_empty() {
            return;
        }
        let latest = self.latest.swap(now, Ordering::Relaxed);
        let back = now.saturating_add(SECOND) < latest;
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            let mut filled = Vec::new();
            for slot in 0..shard.sources.len() {
                let Some(source) = shard.source_mut(slot) else {
                    continue;
                };
                if back {
                    source.not_after(now);
                }
                let age = |types| self.age(types);
                let gone = source.drop_before(|types| Some(now.saturating_sub(age(types)?)));
                let old = source.seal_before(|types| Some(now.saturating_sub(age(types)? / 8)));
                filled.extend(old.into_iter().map(|(types, first, raw)| Filled {
                    shard: index,
                    slot,
                    types,
                    first,
                    raw,
                }));
                shard.expired(Cause::Age, gone);
                shard.weigh(slot);
            }
            drop(shard);
            self.pack(filled);
        }
        self.make_room();
    }

    /// How long envelopes of a type are kept, in nanoseconds.
    fn age(&self, types: Types) -> Option<i64> {
        let mut own = self.limits.max_age_of.iter();
        let own = own.find(|(of, _)| of.intersects(types));
        let age: Duration = own.map(|(_, age)| *age).or(self.limits.max_age)?;
        Some(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
    }

    /// What is kept now.
    pub fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            let figures = shard.figures;
            stats.envelopes += figures.envelopes;
            stats.put += figures.put;
            stats.expired.budget += figures.expired.budget;
            stats.expired.age += figures.expired.age;
            stats.expired.per_source += figures.expired.per_source;
            for source in shard.sources.iter().flatten() {
                stats.sources += 1;
                let oldest = source.meta.oldest;
                stats.oldest = Some(stats.oldest.map_or(oldest, |known| known.min(oldest)));
            }
        }
        stats.bytes = self.bytes();
        stats
    }

    /// The bounds.
    pub fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    fn bytes(&self) -> usize {
        let shards = self.shards.iter();
        let all = shards.map(|(_, shared)| shared.bytes.load(Ordering::Relaxed));
        // One that is being added to may be less than nothing for a moment.
        all.fold(0, usize::wrapping_add)
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        let (shard, _) = &self.shards[index % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By the upper half: tables of a shard use the lower.
fn shard_of(hash: u64) -> usize {
    usize::try_from(hash >> 40).unwrap_or(0) % SHARDS
}

#[cfg(test)]
mod tests;
