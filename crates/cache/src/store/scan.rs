//! Walking through envelopes without making pages of them: for those who look at many
//! and keep little, such as a query for series.

use std::{hash::BuildHasher, sync::Arc};

use bytes::Bytes;

use super::{
    SHARDS, Store,
    block::{Head, unpacked},
    entry::Entries,
    lane::Lane,
    shard_of,
};
use crate::types::Types;

/// Which envelopes of a source are walked through.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// The first timestamp (nanoseconds since 1970).
    pub start: i64,
    /// The first timestamp after it.
    pub end: i64,
    /// Of these types only.
    pub types: Types,
}

/// An envelope that is walked by.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// Its fields, of which those for timestamp and source may lack, up to some place, …
    pub start: &'a [u8],
    /// … and what follows, which many have in common.
    pub end: &'a [u8],
    /// Whether the one before has the same end, as far as that is known.
    pub same_end: bool,
}

/// A block that was taken hold of, so that it is walked through without a lock.
struct Held {
    head: Head,
    body: Bytes,
}

impl Store {
    /// The sources for whose name `wanted` says yes, in no order. It is asked under a lock.
    pub fn names(&self, mut wanted: impl FnMut(&str) -> bool) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            let sources = shard.sources.iter().flatten();
            let sources = sources.filter(|source| wanted(&source.name));
            names.extend(sources.map(|source| Arc::clone(&source.name)));
        }
        names
    }

    /// Calls `each` for envelopes of a source. Those of one type come in the order of
    /// arrival.
    ///
    /// # Errors
    /// What `each` returns, which ends the walk.
    pub fn scan<E>(
        &self,
        source_id: &str,
        scan: Scan,
        mut each: impl FnMut(Passing<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for held in self.hold(source_id, scan) {
            let raw = unpacked(&held.head, &held.body, &self.packer);
            let mut before = None;
            for entry in Entries::of(&raw, held.head.first) {
                if !(scan.start..scan.end).contains(&entry.timestamp) {
                    continue;
                }
                let (start, end) = entry.body(&raw);
                each(Passing {
                    timestamp: entry.timestamp,
                    start,
                    end,
                    same_end: before.as_ref() == Some(entry.tail()),
                })?;
                before = Some(entry.tail().clone());
            }
        }
        Ok(())
    }

    fn hold(&self, source_id: &str, scan: Scan) -> Vec<Held> {
        let hash = self.hasher.hash_one(source_id);
        let shard = self.shard(shard_of(hash));
        let source = shard
            .find(hash, source_id)
            .and_then(|slot| shard.source(slot));
        let mut held = Vec::new();
        let lanes = source.iter().flat_map(|source| &source.lanes);
        for lane in lanes.filter(|lane| scan.types.intersects(lane.types)) {
            hold_lane(lane, scan, &mut held);
        }
        held
    }
}

fn hold_lane(lane: &Lane, scan: Scan, held: &mut Vec<Held>) {
    let reaches = |head: &Head| head.newest >= scan.start && head.oldest < scan.end;
    let from = lane
        .blocks
        .partition_point(|block| block.reach < scan.start);
    let to = lane.blocks.partition_point(|block| block.floor < scan.end);
    let sealed = lane.blocks.iter().take(to).skip(from);
    let sealed = sealed.filter(|block| reaches(&block.head));
    held.extend(sealed.map(|block| Held {
        head: block.head,
        body: block.body.clone(),
    }));
    let open = lane.open.iter().filter(|open| reaches(&open.head));
    held.extend(open.map(|open| Held {
        head: open.head,
        body: Bytes::copy_from_slice(&open.bytes),
    }));
}
