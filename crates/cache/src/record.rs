//! How what is saved lies in a file: one record after the other, each with checksums, so
//! that what is damaged is known and what follows it is found.
//!
//! | bytes | what, little-endian |
//! |---|---|
//! | 3 | the mark |
//! | 1 | the version: 2; version 1 lacks what is said of it |
//! | 1 | 1: a sealed block, 2: what was appended to an open one |
//! | 1 | the type, one bit |
//! | 1 | 1: in order, 2: compressed |
//! | 1 | 0 |
//! | 4 × 5 | bytes of the source, bytes of the body, where the body begins in its block, envelopes, bytes not compressed |
//! | 8 × 6 | first and last place, smallest and largest timestamp, when the first and the last came |
//! | 8 | since version 2: how many envelopes of the source had come when this was written |
//! | 4 | CRC-32 of the body |
//! | 4 | CRC-32 of all before it, and of the source |
//! | | the source, the body |

use std::ops::Range;

use bytes::Bytes;

use crate::{
    store::{Block, Head, Unsaved},
    types::Types,
};

const MARK: [u8; 3] = *b"LwB";
const VERSION: u8 = 2;
const SEALED: u8 = 1;
const APPENDED: u8 = 2;
const IN_ORDER: u8 = 1;
const PACKED: u8 = 2;

/// Bytes before the source, …
const HEAD: usize = 92;
/// … and of version 1.
const HEAD_1: usize = 84;

/// Appends a record.
pub fn encode(unsaved: &Unsaved, out: &mut Vec<u8>) {
    let (kind, block, offset) = match unsaved {
        Unsaved::Sealed(block) => (SEALED, block, 0),
        Unsaved::Appended(block, offset) => (APPENDED, block, *offset),
    };
    let head = &block.head;
    let source = block.source_id.as_bytes();
    let flags = [(head.in_order, IN_ORDER), (head.packed, PACKED)];
    let flags = flags.iter().filter(|(set, _)| *set);
    let flags = flags.fold(0, |all, (_, flag)| all | flag);
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[VERSION, kind, block.types.bits(), flags, 0]);
    // Nothing in a store has four gigabytes.
    let word = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (source_bytes, body_bytes) = (word(source.len()), word(block.body.len()));
    for value in [
        source_bytes,
        body_bytes,
        word(offset),
        head.count,
        head.raw_bytes,
    ] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for value in [
        head.first,
        head.last,
        head.oldest.cast_unsigned(),
        head.newest.cast_unsigned(),
        head.came_first.cast_unsigned(),
        head.came_last.cast_unsigned(),
        block.total,
    ] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&crc32fast::hash(&block.body).to_le_bytes());
    let checksum = checksum(&out[start..], source);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(source);
    out.extend_from_slice(&block.body);
}

fn checksum(head: &[u8], source: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(source);
    hasher.finalize()
}

/// What is found in a file.
#[derive(Clone, Debug)]
pub enum Found {
    /// A record whose checksums are right.
    Record(Unsaved),
    /// Bytes that are none.
    Damaged(Range<usize>),
}

/// The records of a file.
#[derive(Debug)]
pub struct Records<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// Those of a file with these bytes.
    pub fn of(file: &'a [u8]) -> Self {
        Self { file, at: 0 }
    }

    /// The record that begins here, and where it ends; where the next may begin if there
    /// is none.
    fn record(&self, at: usize) -> Result<(Unsaved, usize), usize> {
        let rest = &self.file[at..];
        let next = at + rest.len().min(1);
        let bytes = match rest.get(3) {
            Some(1) => HEAD_1,
            Some(&VERSION) => HEAD,
            _ => return Err(next),
        };
        let (head, after) = rest.split_at_checked(bytes).ok_or(next)?;
        let (kind, types, flags) = (head[4], Types::from_bits(head[5]), head[6]);
        let word = |place: usize| {
            let bytes = [0, 1, 2, 3].map(|byte| head[place + byte]);
            u32::from_le_bytes(bytes)
        };
        let long = |place: usize| u64::from(word(place)) | u64::from(word(place + 4)) << 32;
        let length = |place: usize| usize::try_from(word(place)).unwrap_or(usize::MAX);
        if head[..3] != MARK {
            return Err(next);
        }
        let (source, after) = after.split_at_checked(length(8)).ok_or(next)?;
        if checksum(&head[..bytes - 4], source) != word(bytes - 4) {
            return Err(next);
        }
        // From here on the lengths are what was written.
        let whole = bytes + source.len() + length(12);
        let body = after.get(..length(12)).ok_or(self.file.len())?;
        let source = std::str::from_utf8(source);
        let (Ok(source), true) = (source, crc32fast::hash(body) == word(bytes - 8)) else {
            return Err(at + whole);
        };
        let block = Block {
            source_id: source.into(),
            types,
            head: Head {
                first: long(28),
                last: long(36),
                oldest: long(44).cast_signed(),
                newest: long(52).cast_signed(),
                came_first: long(60).cast_signed(),
                came_last: long(68).cast_signed(),
                count: word(20),
                raw_bytes: word(24),
                in_order: flags & IN_ORDER != 0,
                packed: flags & PACKED != 0,
            },
            total: if bytes == HEAD { long(76) } else { 0 },
            body: Bytes::copy_from_slice(body),
        };
        match kind {
            SEALED => Ok((Unsaved::Sealed(block), at + whole)),
            APPENDED => Ok((Unsaved::Appended(block, length(16)), at + whole)),
            _ => Err(at + whole),
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let start = self.at;
        if start >= self.file.len() {
            return None;
        }
        match self.record(start) {
            Ok((record, end)) => {
                self.at = end;
                return Some(Found::Record(record));
            }
            Err(next) => self.at = next,
        }
        // On to the next one that is whole.
        while self.at < self.file.len() {
            let rest = &self.file[self.at..];
            let Some(mark) = rest.windows(MARK.len()).position(|three| three == MARK) else {
                self.at = self.file.len();
                break;
            };
            self.at += mark;
            match self.record(self.at) {
                Ok(_) => break,
                Err(next) => self.at = next,
            }
        }
        Some(Found::Damaged(start..self.at))
    }
}

#[cfg(test)]
mod tests;
