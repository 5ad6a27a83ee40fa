//! How an envelope lies in a block: without what the block knows anyway.
//!
//! | part | when | what |
//! |---|---|---|
//! | flags | always | one byte, see [`flag`] |
//! | gap | `GAP` | varint: sequence numbers between it and the one before |
//! | timestamp | always | varint: zigzag of its distance from the one before, the first from 0 |
//! | tail | `TAIL` | varint: how many of the last bytes of the model are its last bytes too |
//! | length | always | varint: bytes of the body |
//! | body | always | the envelope without timestamp, source and tail |
//!
//! The model is the body of the last entry with `MODEL`: envelopes of a source mostly end
//! in the same tags. The tail of what is no log line is fields as a whole.

use std::ops::Range;

use logweir_proto::fields::fields;

/// What is said of an entry by its first byte.
mod flag {
    /// The envelope begins with its timestamp, in its shortest form.
    pub(super) const STAMP: u8 = 1;
    /// After that comes its source.
    pub(super) const SOURCE: u8 = 2;
    /// It ends as the model does.
    pub(super) const TAIL: u8 = 4;
    /// It is the model of those after it.
    pub(super) const MODEL: u8 = 8;
    /// There are sequence numbers between it and the one before.
    pub(super) const GAP: u8 = 16;
}

/// A common end that is shorter is not worth its length.
const TAIL_BYTES: usize = 16;

/// Keys of an envelope's first two fields.
const TIMESTAMP: u8 = 1 << 3;
const SOURCE_ID: u8 = 2 << 3 | 2;
/// Key of an envelope's log message.
const LOG: u8 = 4 << 3 | 2;

/// What the next entry of a block is seen against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// Of the entry before; the next has a larger one.
    pub(crate) sequence: Option<u64>,
    pub(crate) timestamp: i64,
    /// Where the model is in the block.
    model: Range<usize>,
}

impl Before {
    /// The last bytes of the model, a cache line apart: to have looked there.
    pub(crate) fn model_ends<'a>(&self, block: &'a [u8]) -> impl Iterator<Item = &'a u8> {
        let model = block.get(self.model.clone()).unwrap_or_default();
        model.iter().rev().step_by(64).take(6)
    }

    /// Appends an envelope to a block.
    pub(crate) fn append(
        &mut self,
        block: &mut Vec<u8>,
        source: &str,
        (timestamp, sequence): (i64, u64),
        envelope: &[u8],
    ) {
        let (mut flags, mut body) = without_head(source, timestamp, envelope);
        let model = block.get(self.model.clone()).unwrap_or_default();
        let mut tail = common_end(model, body);
        // Log lines are not walked through: nobody would gain by it.
        if body.first() != Some(&LOG) {
            tail = whole_fields(body, tail);
        }
        if tail >= TAIL_BYTES {
            flags |= flag::TAIL;
            body = &body[..body.len() - tail];
        } else {
            flags |= flag::MODEL;
        }
        let gap = self.sequence.map_or(0, |before| sequence - before - 1);
        if gap > 0 {
            flags |= flag::GAP;
        }
        block.push(flags);
        if gap > 0 {
            put_varint(block, gap);
        }
        put_varint(block, zigzag(timestamp.wrapping_sub(self.timestamp)));
        if flags & flag::TAIL != 0 {
            put_varint(block, tail as u64);
        }
        put_varint(block, body.len() as u64);
        let start = block.len();
        block.extend_from_slice(body);
        if flags & flag::MODEL != 0 {
            self.model = start..block.len();
        }
        self.sequence = Some(sequence);
        self.timestamp = timestamp;
    }
}

/// Where an envelope is in its block.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) timestamp: i64,
    pub(crate) sequence: u64,
    flags: u8,
    body: Range<usize>,
    tail: Range<usize>,
}

impl Entry {
    /// Bytes of the envelope, at most.
    pub(crate) fn bytes(&self, source: &str) -> usize {
        self.body.len() + self.tail.len() + source.len() + 24
    }

    /// What of the envelope is in the block: without timestamp and source.
    pub(crate) fn body<'a>(&self, block: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let part = |range: &Range<usize>| block.get(range.clone()).unwrap_or_default();
        (part(&self.body), part(&self.tail))
    }

    /// Where what it has in common with the model is in the block.
    pub(crate) fn tail(&self) -> &Range<usize> {
        &self.tail
    }

    /// Appends the envelope as it came.
    pub(crate) fn write(&self, block: &[u8], source: &str, out: &mut Vec<u8>) {
        if self.flags & flag::STAMP != 0 {
            out.push(TIMESTAMP);
            put_varint(out, self.timestamp.cast_unsigned());
        }
        if self.flags & flag::SOURCE != 0 {
            out.push(SOURCE_ID);
            put_varint(out, source.len() as u64);
            out.extend_from_slice(source.as_bytes());
        }
        let (body, tail) = self.body(block);
        out.extend_from_slice(body);
        out.extend_from_slice(tail);
    }
}

/// The entries of a block, up to its end or to what is none.
pub(crate) struct Entries<'a> {
    block: &'a [u8],
    at: usize,
    before: Before,
    first: u64,
}

impl<'a> Entries<'a> {
    /// Those of a block whose first entry has this sequence number.
    pub(crate) fn of(block: &'a [u8], first: u64) -> Self {
        Self {
            block,
            at: 0,
            before: Before::default(),
            first,
        }
    }

    /// Where the next one begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn varint(&self, at: &mut usize) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.block.get(*at)?;
            *at += 1;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn range(&self, start: usize, len: u64) -> Option<Range<usize>> {
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        (end <= self.block.len()).then_some(start..end)
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let mut at = self.at;
        let flags = *self.block.get(at)?;
        at += 1;
        let gap = match flags & flag::GAP {
            0 => 0,
            _ => self.varint(&mut at)?,
        };
        let sequence = match self.before.sequence {
            None => self.first,
            Some(before) => before.checked_add(gap)?.checked_add(1)?,
        };
        let delta = unzigzag(self.varint(&mut at)?);
        let timestamp = self.before.timestamp.wrapping_add(delta);
        let tail = match flags & flag::TAIL {
            0 => 0..0,
            _ => {
                let bytes = usize::try_from(self.varint(&mut at)?).ok()?;
                let end = self.before.model.end;
                end.checked_sub(bytes)
                    .filter(|start| *start >= self.before.model.start)?..end
            }
        };
        let length = self.varint(&mut at)?;
        let body = self.range(at, length)?;
        self.at = body.end;
        if flags & flag::MODEL != 0 {
            self.before.model = body.clone();
        }
        self.before.sequence = Some(sequence);
        self.before.timestamp = timestamp;
        Some(Entry {
            timestamp,
            sequence,
            flags,
            body,
            tail,
        })
    }
}

/// Takes timestamp and source off an envelope that begins with them.
fn without_head<'a>(source: &str, timestamp: i64, envelope: &'a [u8]) -> (u8, &'a [u8]) {
    let (mut flags, mut body) = (0, envelope);
    let mut stamp = [0; 11];
    stamp[0] = TIMESTAMP;
    let length = varint_into(&mut stamp[1..], timestamp.cast_unsigned()) + 1;
    if let Some(after) = body.strip_prefix(&stamp[..length]) {
        flags |= flag::STAMP;
        body = after;
    }
    let mut key = [0; 11];
    key[0] = SOURCE_ID;
    let length = varint_into(&mut key[1..], source.len() as u64) + 1;
    let named = body.strip_prefix(&key[..length]);
    if let Some(after) = named.and_then(|after| after.strip_prefix(source.as_bytes())) {
        flags |= flag::SOURCE;
        body = after;
    }
    (flags, body)
}

/// How many of the last bytes are the same.
fn common_end(model: &[u8], body: &[u8]) -> usize {
    let words = model.rchunks_exact(8).zip(body.rchunks_exact(8));
    let same = words.take_while(|(a, b)| a == b).count() * 8;
    let (model, body) = (&model[..model.len() - same], &body[..body.len() - same]);
    let bytes = model.iter().rev().zip(body.iter().rev());
    same + bytes.take_while(|(a, b)| a == b).count()
}

/// How much of a common end is fields as a whole: those who walk through a block know the
/// fields in it once they saw them, wherever the rest ends.
fn whole_fields(body: &[u8], common: usize) -> usize {
    if common < TAIL_BYTES {
        return common;
    }
    let from = body.len() - common;
    let next = fields(body).find(|field| field.start >= from);
    next.map_or(0, |field| body.len() - field.start)
}

fn varint_into(out: &mut [u8], mut value: u64) -> usize {
    let mut at = 0;
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            out[at] = low;
            return at + 1;
        }
        out[at] = low | 0x80;
        at += 1;
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut bytes = [0; 10];
    let length = varint_into(&mut bytes, value);
    out.extend_from_slice(&bytes[..length]);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests;
