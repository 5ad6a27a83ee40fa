//! What is kept of one source.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Put, SourceMeta,
    block::Open,
    lane::{Gone, Lane},
    shard::Terms,
};
use crate::types::Types;

/// A block that was filled just now, to be compressed once no lock is held.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) shard: usize,
    pub(crate) slot: usize,
    pub(crate) types: Types,
    pub(crate) first: u64,
    pub(crate) raw: Bytes,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) hash: u64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) meta: SourceMeta,
    /// Where it stands among the sources of its shard, by what it holds.
    pub(crate) rank: u64,
    /// Bytes that it is counted with.
    pub(crate) bytes: usize,
    /// The last place of the latest block that was restored, and how many had come by then.
    pub(crate) told: (u64, u64),
    /// Whether it is on the list of those that have something to be saved.
    pub(crate) listed: bool,
}

/// What a source takes before anything is in it: its places in three lists, allocations.
const SOURCE_BYTES: usize = size_of::<Source>() + size_of::<Lane>() + 512;

impl Source {
    pub(crate) fn new(name: &str, hash: u64) -> Self {
        Self {
            name: name.into(),
            hash,
            lanes: Vec::new(),
            meta: SourceMeta::default(),
            rank: 0,
            bytes: 0,
            told: (0, 0),
            listed: false,
        }
    }

    pub(crate) fn lane(&mut self, types: Types) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.types == types);
        let at = at.unwrap_or_else(|| {
            self.lanes.reserve_exact(1);
            self.lanes.push(Lane::new(types));
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }

    /// Appends an envelope to the open block of its type; what its bytes are if that is
    /// full now.
    pub(crate) fn append(
        &mut self,
        put: &Put<'_>,
        sequence: u64,
        terms: Terms,
    ) -> Option<(u64, Bytes)> {
        self.count(1, put.timestamp, put.timestamp);
        let lane = self.lane(put.types);
        let first = lane.open.as_ref().map_or(sequence, |open| open.head.first);
        let (full, room) = (lane.full(first), lane.room(first));
        lane.count += 1;
        let open = lane.open.get_or_insert_with(|| Open::new(room));
        let key = (put.timestamp, sequence, terms.now);
        let is_full = open.append(put.source_id, key, put.envelope, full);
        if !is_full && open.head.count < terms.block {
            return None;
        }
        let sealed = lane.seal()?;
        Some((sealed.head.first, sealed.body.clone()))
    }

    /// Looks where an envelope of a type is going to be written.
    pub(crate) fn touch(&self, types: Types) -> u8 {
        let lane = self.lanes.iter().find(|lane| lane.types == types);
        let open = lane.and_then(|lane| lane.open.as_ref());
        open.map_or(0, Open::touch)
    }

    /// Adds to the figures what has come.
    pub(crate) fn count(&mut self, envelopes: u64, oldest: i64, newest: i64) {
        let meta = &mut self.meta;
        let first = meta.count == 0;
        meta.oldest = if first {
            oldest
        } else {
            meta.oldest.min(oldest)
        };
        meta.newest = match first && meta.expired == 0 {
            true => newest,
            false => meta.newest.max(newest),
        };
        meta.count += envelopes;
    }

    /// Takes off the figures what has gone.
    fn discount(&mut self, gone: &Gone) {
        self.meta.count = self.meta.count.saturating_sub(gone.envelopes);
        self.meta.expired += gone.envelopes;
        if gone.oldest <= self.meta.oldest {
            let oldest = self.lanes.iter().filter_map(Lane::oldest).min();
            self.meta.oldest = oldest.unwrap_or(0);
        }
    }

    /// Drops the oldest block of the type of which it holds most. How many envelopes
    /// went.
    pub(crate) fn drop_largest(&mut self) -> u64 {
        let lanes = self.lanes.iter_mut().filter(|lane| !lane.is_empty());
        let gone = lanes
            .max_by_key(|lane| lane.footprint())
            .and_then(Lane::drop_oldest);
        self.gone(gone)
    }

    /// Drops the oldest blocks of a type of which there are more than `most`. How many
    /// envelopes went.
    pub(crate) fn drop_over(&mut self, types: Types, most: u64) -> u64 {
        let mut envelopes = 0;
        while self.lane(types).count > most {
            let gone = self.lane(types).drop_oldest();
            envelopes += self.gone(gone);
        }
        envelopes
    }

    /// Drops blocks whose last envelope came before the time that `oldest` says for a
    /// type. How many envelopes went.
    pub(crate) fn drop_before(&mut self, oldest: impl Fn(Types) -> Option<i64>) -> u64 {
        let mut envelopes = 0;
        for at in 0..self.lanes.len() {
            let Some(oldest) = oldest(self.lanes[at].types) else {
                continue;
            };
            while let Some(front) = self.lanes[at].front()
                && front.came_last < oldest
            {
                let gone = self.lanes[at].drop_oldest();
                envelopes += self.gone(gone);
            }
        }
        envelopes
    }

    /// A clock that was set back does not make anything young: what came after `now` is
    /// taken to have come now.
    pub(crate) fn not_after(&mut self, now: i64) {
        for lane in &mut self.lanes {
            lane.not_after(now);
        }
    }

    /// Closes blocks that were begun before the time that `begun` says for a type, so
    /// that what is in a block is of about the same age.
    pub(crate) fn seal_before(
        &mut self,
        begun: impl Fn(Types) -> Option<i64>,
    ) -> Vec<(Types, u64, Bytes)> {
        let mut filled = Vec::new();
        for lane in &mut self.lanes {
            let types = lane.types;
            let open = lane.open.as_ref();
            let old = open
                .zip(begun(types))
                .is_some_and(|(open, begun)| open.head.came_first < begun);
            if old && let Some(sealed) = lane.seal() {
                filled.push((types, sealed.head.first, sealed.body.clone()));
            }
        }
        filled
    }

    fn gone(&mut self, gone: Option<Gone>) -> u64 {
        let Some(gone) = gone else { return 0 };
        self.discount(&gone);
        gone.envelopes
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        let lanes = self.lanes.iter().map(Lane::footprint).sum::<usize>();
        let more = self.lanes.len().saturating_sub(1) * size_of::<Lane>();
        SOURCE_BYTES + self.name.len() + more + lanes
    }

    /// When the first came of what it holds.
    pub(crate) fn came_first(&self) -> i64 {
        let fronts = self.lanes.iter().filter_map(Lane::front);
        fronts.map(|head| head.came_first).min().unwrap_or(0)
    }
}
