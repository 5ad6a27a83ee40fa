//! Runs of envelopes of one source and type, in the order in which they came.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    entry::{Before, Entries},
    pack::Packer,
};

/// What is known of a block without looking into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The place of its first envelope among all of the source. No other block of the
    /// source has it.
    pub first: u64,
    /// The place of its last envelope.
    pub last: u64,
    /// The smallest timestamp (nanoseconds since 1970).
    pub oldest: i64,
    /// The largest timestamp.
    pub newest: i64,
    /// When its first envelope came (nanoseconds since 1970).
    pub came_first: i64,
    /// When its last envelope came.
    pub came_last: i64,
    /// Envelopes.
    pub count: u32,
    /// Bytes of its entries when they are not compressed.
    pub raw_bytes: u32,
    /// Whether no timestamp is smaller than the one before it.
    pub in_order: bool,
    /// Whether it is compressed.
    pub packed: bool,
}

impl Head {
    fn add(&mut self, timestamp: i64, sequence: u64, arrival: i64, before: i64) {
        if self.count == 0 {
            (self.first, self.oldest, self.newest) = (sequence, timestamp, timestamp);
            self.came_first = arrival;
            self.in_order = true;
        } else {
            self.in_order &= timestamp >= before;
            self.oldest = self.oldest.min(timestamp);
            self.newest = self.newest.max(timestamp);
        }
        self.came_last = arrival;
        self.last = sequence;
        self.count = self.count.saturating_add(1);
    }

    const EMPTY: Head = Head {
        first: 0,
        last: 0,
        oldest: 0,
        newest: 0,
        came_first: 0,
        came_last: 0,
        count: 0,
        raw_bytes: 0,
        in_order: true,
        packed: false,
    };
}

/// The block that is written to.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) head: Head,
    pub(crate) bytes: Vec<u8>,
    before: Before,
    /// How many of its bytes a journal has.
    pub(crate) saved: usize,
}

impl Open {
    /// One with room for so many bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            head: Head::EMPTY,
            bytes: Vec::with_capacity(room),
            before: Before::default(),
            saved: 0,
        }
    }

    /// Bytes that the next envelope is written next to or compared with, added up: to have
    /// looked there.
    pub(crate) fn touch(&self) -> u8 {
        let ends = self.before.model_ends(&self.bytes);
        let all = ends.chain(self.bytes.last()).copied();
        all.fold(0, u8::wrapping_add)
    }

    /// Appends an envelope, and says whether another like it would be too much for `full`
    /// bytes, towards which its room grows.
    pub(crate) fn append(
        &mut self,
        source: &str,
        (timestamp, sequence, arrival): (i64, u64, i64),
        envelope: &[u8],
        full: usize,
    ) -> bool {
        let before = self.bytes.len();
        // Most of them are less than what they are written from.
        let most = before + envelope.len() + ENTRY_HEAD;
        let twice = (self.bytes.capacity() * 2).next_power_of_two().min(full);
        if most > self.bytes.capacity() && self.bytes.capacity() < full {
            self.bytes.reserve_exact(most.max(twice) - before);
        }
        self.head
            .add(timestamp, sequence, arrival, self.before.timestamp);
        self.before
            .append(&mut self.bytes, source, (timestamp, sequence), envelope);
        // An envelope of 4 GiB is refused at the door.
        let after = self.bytes.len();
        self.head.raw_bytes = u32::try_from(after).unwrap_or(u32::MAX);
        after + (after - before) > full
    }

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn seal(mut self) -> Sealed {
        // It counts with its bytes, and may never be compressed.
        if self.bytes.capacity() - self.bytes.len() > self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        Sealed {
            head: self.head,
            body: Bytes::from(self.bytes),
            home: None,
            reach: i64::MAX,
            floor: i64::MIN,
        }
    }
}

/// Most bytes of an entry besides the envelope's.
const ENTRY_HEAD: usize = 48;

/// What keeps a file in which a block is: once nothing but the file's keeper holds it, no
/// block of the file is in the store.
#[derive(Debug, Default)]
pub struct Home;

/// A block that is not written to any more.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// The file that it is in.
    pub(crate) home: Option<Arc<Home>>,
    /// No timestamp of it or a block before it in its lane is larger.
    pub(crate) reach: i64,
    /// No timestamp of it or a block after it in its lane is smaller.
    pub(crate) floor: i64,
}

impl Sealed {
    /// What a block takes besides its bytes: its place in a list, two allocations.
    const OVERHEAD: usize = size_of::<Sealed>() + 64;

    /// Bytes that it takes.
    pub(crate) fn footprint(&self) -> usize {
        self.body.len() + Self::OVERHEAD
    }
}

/// The entries of a block, not compressed; none if it is damaged.
pub(crate) fn unpacked(head: &Head, body: &Bytes, packer: &Packer) -> Bytes {
    if !head.packed {
        return body.clone();
    }
    let raw = usize::try_from(head.raw_bytes).unwrap_or(0);
    packer
        .unpack(body, raw)
        .map_or_else(Bytes::new, Bytes::from)
}

/// The head of a block that begins with these entries, and how many bytes they are.
pub(crate) fn head_of(bytes: &[u8], first: u64, (came_first, came_last): (i64, i64)) -> Head {
    let mut head = Head::EMPTY;
    let mut before = 0;
    let mut entries = Entries::of(bytes, first);
    for entry in entries.by_ref() {
        head.add(entry.timestamp, entry.sequence, came_last, before);
        before = entry.timestamp;
    }
    head.came_first = came_first;
    head.raw_bytes = u32::try_from(entries.at()).unwrap_or(u32::MAX);
    head
}
