//! Finding envelopes: which blocks can have them, and then those of the blocks in order.

use bytes::Bytes;

use super::{
    block::{Head, Sealed, unpacked},
    entry::{Entries, Entry},
    filter::{self, Wanted},
    lane::Lane,
    pack::Packer,
    source::Source,
};
use crate::{
    query::{Cursor, Page, Query},
    types::Types,
};

/// Timestamp and sequence number, or the complement of both: then the newest is the
/// smallest. In the order in which they came the sequence number is both.
type Key = (i64, u64);

/// Which keys a query wants, in which direction.
#[derive(Clone, Copy)]
struct Window {
    /// The smallest, in time.
    low: Key,
    /// The one after the largest.
    high: Key,
    descending: bool,
    as_they_came: bool,
}

impl Window {
    fn of(query: &Query) -> Self {
        let (mut low, mut high) = match query.as_they_came {
            true => ((i64::MIN, 0), (i64::MAX, 0)),
            false => ((query.start, 0), (query.end, 0)),
        };
        if let Some(after) = query.after {
            let place = (after.timestamp, after.sequence);
            match query.descending {
                true => high = high.min(place),
                false => low = low.max((place.0, place.1.saturating_add(1))),
            }
        }
        Self {
            low,
            high,
            descending: query.descending,
            as_they_came: query.as_they_came,
        }
    }

    /// The key of an envelope.
    fn key(&self, timestamp: i64, sequence: u64) -> Key {
        match self.as_they_came {
            true => (i64::try_from(sequence).unwrap_or(i64::MAX), sequence),
            false => (timestamp, sequence),
        }
    }

    /// A key not above those of a block, and one not below.
    fn bounds(&self, head: &Head) -> (Key, Key) {
        (
            self.key(head.oldest, head.first),
            self.key(head.newest, head.last),
        )
    }

    /// The times that no envelope of a block and of those before it is after, and that
    /// none of it and of those after it is before.
    fn reach(&self, block: &Sealed) -> (i64, i64) {
        match self.as_they_came {
            true => {
                let (least, most) = self.bounds(&block.head);
                (most.0, least.0)
            }
            false => (block.reach, block.floor),
        }
    }

    fn has(&self, key: Key) -> bool {
        self.low <= key && key < self.high
    }

    fn reaches(&self, head: &Head) -> bool {
        let (least, most) = self.bounds(head);
        self.low <= most && least < self.high
    }

    fn encloses(&self, head: &Head) -> bool {
        let (least, most) = self.bounds(head);
        self.low <= least && most < self.high
    }

    /// The key in the order of the answer; its own inverse.
    fn order(&self, key: Key) -> Key {
        match self.descending {
            true => (!key.0, !key.1),
            false => key,
        }
    }

    /// No key of a block comes before this one in the order of the answer.
    fn bound(&self, head: &Head) -> Key {
        let (least, most) = self.bounds(head);
        self.order(if self.descending { most } else { least })
    }

    /// Timestamps of a block in the order of the answer: no key has one that is larger.
    fn last(&self, head: &Head) -> i64 {
        let (least, most) = self.bounds(head);
        match self.descending {
            true => !least.0,
            false => most.0,
        }
    }
}

/// A block that can have what a query wants.
pub(crate) struct Candidate {
    types: Types,
    head: Head,
    body: Bytes,
}

/// The blocks of a source that a query has to look into.
pub(crate) struct Candidates {
    blocks: Vec<Candidate>,
    /// There are more that could only follow what it wants.
    more: bool,
}

/// Takes hold of the blocks that a query has to look into.
pub(crate) fn candidates(source: &Source, query: &Query) -> Candidates {
    let mut found = Candidates {
        blocks: Vec::new(),
        more: false,
    };
    let window = Window::of(query);
    for lane in &source.lanes {
        if filter::types(query, lane.types) {
            found.add(lane, query, &window);
        }
    }
    found
}

impl Candidates {
    fn add(&mut self, lane: &Lane, query: &Query, window: &Window) {
        if let Some(open) = &lane.open
            && window.reaches(&open.head)
        {
            self.blocks.push(Candidate {
                types: lane.types,
                head: open.head,
                body: Bytes::copy_from_slice(&open.bytes),
            });
        }
        let blocks = &lane.blocks;
        let (low, high) = (window.low, window.high);
        let from = blocks.partition_point(|block| window.reach(block).0 < low.0);
        let to = blocks.partition_point(|block| (window.reach(block).1, 0) < high);
        // Of blocks that are wanted whole it is known how many are enough.
        let counts = query.names.is_none() && query.search.is_none();
        let most = query.limit.saturating_add(Query::OVERSHOOT);
        let (mut counted, mut last) = (0_usize, i64::MIN);
        for at in 0..to.saturating_sub(from) {
            let at = match window.descending {
                true => to - 1 - at,
                false => from + at,
            };
            let Some(block) = blocks.get(at) else { break };
            // Neither this one nor those after it have anything that comes before.
            let next = match window.descending {
                true => !window.reach(block).0,
                false => window.reach(block).1,
            };
            let past = next > last || next == last && counted > most;
            if counts && counted >= query.limit && past {
                self.more = true;
                break;
            }
            if !window.reaches(&block.head) {
                continue;
            }
            if window.encloses(&block.head) {
                counted += usize::try_from(block.head.count).unwrap_or(0);
                last = last.max(window.last(&block.head));
            }
            self.blocks.push(Candidate {
                types: lane.types,
                head: block.head,
                body: block.body.clone(),
            });
        }
    }

    /// Looks into the blocks, one after the other in the order of what they can have.
    pub(crate) fn page(mut self, name: &str, query: &Query, packer: &Packer) -> Page {
        let window = Window::of(query);
        let mut found = Found {
            name,
            query,
            window,
            most: query.limit.saturating_add(Query::OVERSHOOT),
            envelopes: Vec::new(),
            bytes: 0,
            more: self.more,
        };
        if query.limit == 0 {
            return Page::default();
        }
        self.blocks
            .sort_by_key(|block| std::cmp::Reverse(window.bound(&block.head)));
        let mut scanned = 0_usize;
        while let Some(block) = self.blocks.last() {
            let bound = window.bound(&block.head);
            if let Some(enough) = found.enough(Some(bound)) {
                found.more = true;
                return found.cut(enough, None);
            }
            let known = found.before(bound);
            if found.bytes > query.max_bytes && found.bytes_of(known) > query.max_bytes {
                found.more = true;
                return found.cut(known, None);
            }
            if scanned >= query.max_scan {
                return found.cut(known, Some(bound));
            }
            let Some(block) = self.blocks.pop() else {
                break;
            };
            // What begins before the place to begin at was scanned for an earlier page.
            if window.bound(&block.head) >= window.order(window.begin()) {
                scanned = scanned.saturating_add(block.head.raw_bytes as usize);
            }
            found.look_into(&block, packer);
        }
        let all = found.envelopes.len();
        let enough = found.enough(None).unwrap_or(all);
        found.cut(enough, None)
    }
}

impl Window {
    /// Where the answer begins, in time.
    fn begin(&self) -> Key {
        match (self.descending, self.high) {
            (false, _) => self.low,
            (true, (timestamp, 0)) => (timestamp.saturating_sub(1), u64::MAX),
            (true, (timestamp, sequence)) => (timestamp, sequence - 1),
        }
    }
}

/// What was found so far.
struct Found<'a> {
    name: &'a str,
    query: &'a Query,
    window: Window,
    /// More are not answered in any case.
    most: usize,
    /// In the order of the answer.
    envelopes: Vec<(Key, Bytes)>,
    /// Bytes of all that were found, those that were left out since too.
    bytes: usize,
    /// More than these are wanted.
    more: bool,
}

impl Found<'_> {
    /// How many come before `bound`.
    fn before(&self, bound: Key) -> usize {
        self.envelopes.partition_point(|(key, _)| *key < bound)
    }

    fn bytes_of(&self, count: usize) -> usize {
        let all = self.envelopes.iter().take(count);
        all.map(|(_, envelope)| envelope.len()).sum()
    }

    /// How many make the answer if what is still to be looked into begins at `bound`;
    /// `None` if they are not enough yet.
    fn enough(&self, bound: Option<Key>) -> Option<usize> {
        let known = bound.map_or(self.envelopes.len(), |bound| self.before(bound));
        let time = |at: usize| self.envelopes.get(at).map(|((time, _), _)| *time);
        for count in self.query.limit..=known {
            let next = match count == known {
                true => bound.map(|(time, _)| time),
                false => time(count),
            };
            if count >= self.most || next != time(count - 1) {
                return Some(count);
            }
        }
        None
    }

    fn look_into(&mut self, block: &Candidate, packer: &Packer) {
        let raw = unpacked(&block.head, &block.body, packer);
        let last = self.envelopes.last().map(|(key, _)| *key);
        let worst = last.filter(|_| self.envelopes.len() > self.most);
        let mut entries = Vec::with_capacity(block.head.count.min(1024) as usize);
        for entry in Entries::of(&raw, block.head.first) {
            let key = self.window.key(entry.timestamp, entry.sequence);
            if self.window.has(key) {
                let key = self.window.order(key);
                if worst.is_none_or(|worst| key < worst) {
                    entries.push((key, entry));
                } else {
                    self.more = true;
                }
            }
        }
        if !block.head.in_order && !self.window.as_they_came {
            entries.sort_unstable_by_key(|(key, _)| *key);
        } else if self.window.descending {
            entries.reverse();
        }
        let before = self.envelopes.len();
        if self.query.names.is_some() || self.query.search.is_some() {
            self.add_wanted(&raw, block.types, entries);
        } else {
            self.add_all(&raw, entries);
        }
        let added = self.envelopes.iter().skip(before);
        self.bytes += added.map(|(_, envelope)| envelope.len()).sum::<usize>();
        let first = self.envelopes.get(before).map(|(key, _)| *key);
        if first.is_some_and(|first| last.is_some_and(|last| first < last)) {
            // Two runs that are in order.
            self.envelopes.sort_by_key(|(key, _)| *key);
        }
        if self.envelopes.len() > self.most.saturating_add(1) {
            self.envelopes.truncate(self.most + 1);
            self.more = true;
        }
    }

    fn add_wanted(&mut self, raw: &[u8], types: Types, entries: Vec<(Key, Entry)>) {
        let mut envelope = Vec::new();
        for (key, entry) in entries {
            envelope.clear();
            entry.write(raw, self.name, &mut envelope);
            match filter::wanted(self.query, types, &envelope) {
                Wanted::Nothing => {}
                Wanted::All => {
                    let envelope = Bytes::copy_from_slice(&envelope);
                    self.envelopes.push((key, envelope));
                }
                Wanted::Part(part) => self.envelopes.push((key, part.into())),
            }
        }
    }

    fn add_all(&mut self, raw: &[u8], mut entries: Vec<(Key, Entry)>) {
        // What follows the first end of a timestamp past the limit is wanted in no case.
        let limit = self.query.limit;
        let same = |at: usize| entries[at].0.0 == entries[at - 1].0.0;
        let end = (limit..entries.len()).find(|at| *at >= self.most || !same(*at));
        if let Some(end) = end {
            entries.truncate(end);
            self.more = true;
        }
        let bytes = entries.iter().map(|(_, entry)| entry.bytes(self.name));
        let mut all = Vec::with_capacity(bytes.sum());
        let mut ends = Vec::with_capacity(entries.len());
        for (_, entry) in &entries {
            entry.write(raw, self.name, &mut all);
            ends.push(all.len());
        }
        let mut all = Bytes::from(all);
        let mut start = 0;
        for ((key, _), end) in entries.iter().zip(ends) {
            self.envelopes.push((*key, all.split_to(end - start)));
            start = end;
        }
    }

    /// The page of the first `count`; what follows them begins at `bound` if that is
    /// known.
    fn cut(mut self, count: usize, bound: Option<Key>) -> Page {
        self.more |= count < self.envelopes.len() || bound.is_some();
        self.envelopes.truncate(count);
        let mut bytes = 0_usize;
        let fitting = self.envelopes.iter().take_while(|(_, envelope)| {
            bytes = bytes.saturating_add(envelope.len());
            bytes <= self.query.max_bytes
        });
        let fitting = fitting.count().max(1);
        let cut = fitting < self.envelopes.len();
        self.envelopes.truncate(fitting);
        let last = self.envelopes.last().map(|(key, _)| *key);
        let next = match bound {
            Some((time, 0)) if !cut => Some((time.saturating_sub(1), u64::MAX)),
            Some((time, sequence)) if !cut => Some((time, sequence - 1)),
            _ => last.filter(|_| self.more || cut),
        };
        let next = next.map(|key| self.window.order(key));
        let window = self.window;
        let of = |key: &Key| window.order(*key).1;
        Page {
            sequences: self.envelopes.iter().map(|(key, _)| of(key)).collect(),
            envelopes: self.envelopes.into_iter().map(|(_, one)| one).collect(),
            next: next.map(|(timestamp, sequence)| Cursor {
                timestamp,
                sequence,
            }),
        }
    }
}
