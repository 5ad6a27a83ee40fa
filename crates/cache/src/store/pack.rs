//! Compression. Zstandard's level 1 makes a quarter of a block of log lines (LZ4 four
//! tenths, in six tenths of the time); higher levels gain little.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

/// How blocks are compressed, …
const LEVEL: i32 = 1;
/// … and those of sources of which there is little: making a code for the letters of a few
/// kilobytes takes as long as all else, and spares a quarter.
const SMALL_LEVEL: i32 = -1;
/// Bytes of such a block.
const SMALL: usize = 12 << 10;

/// More than a usual block.
const LARGE: usize = 1 << 20;

/// Compresses and decompresses; what that takes is used again.
#[derive(Default)]
pub(crate) struct Packer {
    compressors: Kept,
    small_compressors: Kept,
    decompressors: Mutex<Vec<Decompressor<'static>>>,
}

/// Compressors of one level, with room for what they make.
type Kept = Mutex<Vec<(Compressor<'static>, Vec<u8>)>>;

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    /// The bytes, compressed; `None` if that is hardly less.
    pub(crate) fn pack(&self, raw: &[u8]) -> Option<Bytes> {
        let (level, kept) = match raw.len() < SMALL {
            true => (SMALL_LEVEL, &self.small_compressors),
            false => (LEVEL, &self.compressors),
        };
        let (mut compressor, mut out) = match pop(kept) {
            Some(known) => known,
            None => (Compressor::new(level).ok()?, Vec::new()),
        };
        out.clear();
        out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let packed = compressor.compress_to_buffer(raw, &mut out).ok();
        let packed = packed.filter(|bytes| *bytes < raw.len() - raw.len() / 8);
        let packed = packed.map(|_| Bytes::copy_from_slice(&out));
        // One enormous envelope is no reason to keep its room.
        if out.capacity() > LARGE {
            out = Vec::new();
        }
        push(kept, (compressor, out));
        packed
    }

    /// `packed` as it was: so many bytes, and `None` if it is anything else.
    pub(crate) fn unpack(&self, packed: &[u8], raw: usize) -> Option<Vec<u8>> {
        let mut decompressor = match pop(&self.decompressors) {
            Some(known) => known,
            None => Decompressor::new().ok()?,
        };
        let unpacked = decompressor.decompress(packed, raw).ok();
        push(&self.decompressors, decompressor);
        unpacked.filter(|unpacked| unpacked.len() == raw)
    }
}

fn pop<T>(of: &Mutex<Vec<T>>) -> Option<T> {
    of.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn push<T>(to: &Mutex<Vec<T>>, one: T) {
    to.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}
