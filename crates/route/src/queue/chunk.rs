//! Frames of a batch, and runs of them.

use bytes::Bytes;

use super::{CHUNK_BYTES, CHUNK_ENVELOPES};

/// Where one envelope's frame lies in its batch, and its kind as a bit.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// First byte of the frame.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Bit of the envelope's kind (see `KindMask` in the index).
    pub kind: u8,
    /// Whether it has deprecated tags.
    pub deprecated_tags: bool,
}

impl Span {
    pub(crate) fn bytes(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A run of frames: a valid `EnvelopeBatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The frames.
    pub frames: Bytes,
    /// How many envelopes they hold.
    pub envelopes: u32,
    /// Whether any of them has deprecated tags, so that an exit which rewrites
    /// those can pass all other chunks on as they are.
    pub deprecated_tags: bool,
}

impl Chunk {
    /// The same in memory of its own.
    pub(super) fn copied(self) -> Self {
        Self {
            frames: Bytes::copy_from_slice(&self.frames),
            ..self
        }
    }
}

/// The run of frames that `spans`, neighbours in the batch, make up.
pub(super) fn chunk_of(batch: &Bytes, spans: &[Span]) -> Chunk {
    let (start, end) = match spans {
        [first, .., last] => (first.start, last.end),
        [only] => (only.start, only.end),
        [] => (0, 0),
    };
    Chunk {
        frames: batch.slice(start as usize..end as usize),
        envelopes: u32::try_from(spans.len()).unwrap_or(u32::MAX),
        deprecated_tags: spans.iter().any(|span| span.deprecated_tags),
    }
}

/// Cuts a batch at frame borders into runs of at most [`CHUNK_BYTES`] and
/// [`CHUNK_ENVELOPES`]. A larger frame is a run of its own.
pub(super) fn pieces(spans: &[Span]) -> impl Iterator<Item = &[Span]> {
    let mut rest = spans;
    std::iter::from_fn(move || {
        let first = rest.first()?.start;
        let fitting = rest
            .iter()
            .take(CHUNK_ENVELOPES as usize)
            .take_while(|span| (span.end - first) as usize <= CHUNK_BYTES)
            .count();
        let (piece, after) = rest.split_at(fitting.max(1));
        rest = after;
        Some(piece)
    })
}
