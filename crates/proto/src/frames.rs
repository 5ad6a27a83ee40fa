//! An `EnvelopeBatch` as a run of frames: `0x0A`, length, envelope.
//!
//! `repeated Envelope` and `repeated bytes` are the same on the wire, so a batch
//! is split without decoding what is in it, and frames joined are a batch again.

use bytes::{BufMut, BytesMut};

use crate::reader::{Reader, field_number, put_varint, varint_len};

/// The key of field 1, length-delimited.
const BATCH: u8 = 0x0A;

/// One envelope of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The whole frame: key, length, envelope.
    pub bytes: &'a [u8],
    /// Where the frame starts in the batch.
    pub start: usize,
    /// The envelope alone.
    pub envelope: &'a [u8],
}

/// The bytes are not an `EnvelopeBatch` from `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed envelope batch at byte {at}: {reason}")]
pub struct FrameError {
    /// Where the field starts that cannot be read.
    pub at: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The frames of `batch` in order. Unknown fields are skipped; after the first
/// error the iterator ends.
#[inline]
pub fn frames(batch: &[u8]) -> Frames<'_> {
    Frames { batch, at: 0 }
}

/// See [`frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    batch: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.batch.len() {
            let start = self.at;
            match self.field(start) {
                Ok(None) => {}
                Ok(Some(envelope)) => {
                    return Some(Ok(Frame {
                        bytes: &self.batch[start..self.at],
                        start,
                        envelope,
                    }));
                }
                Err(reason) => {
                    self.at = self.batch.len();
                    return Some(Err(FrameError { at: start, reason }));
                }
            }
        }
        None
    }
}

impl<'a> Frames<'a> {
    /// Reads the field at `start` and moves past it; an envelope if it is one.
    #[inline(always)]
    fn field(&mut self, start: usize) -> Result<Option<&'a [u8]>, &'static str> {
        let mut reader = Reader::new(&self.batch[start..]);
        let key = reader.varint()?;
        let envelope = if key == u64::from(BATCH) {
            Some(reader.bytes()?)
        } else if field_number(key)? == 1 {
            return Err("field 1 is not length-delimited");
        } else {
            reader.skip(key, crate::reader::ENVELOPE_DEPTH + 1)?;
            None
        };
        self.at = self.batch.len() - reader.rest.len();
        Ok(envelope)
    }
}

/// The length of a frame around an envelope of `envelope_len` bytes.
pub const fn frame_len(envelope_len: usize) -> usize {
    1 + varint_len(envelope_len as u64) + envelope_len
}

/// Appends `envelope` as a frame.
pub fn push_frame(out: &mut BytesMut, envelope: &[u8]) {
    out.reserve(frame_len(envelope.len()));
    out.put_u8(BATCH);
    put_varint(out, envelope.len() as u64);
    out.put_slice(envelope);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_frames_come_apart_again() {
        let mut batch = BytesMut::new();
        let long = vec![7; 300];
        for envelope in [&b"ab"[..], b"", &long] {
            let before = batch.len();
            push_frame(&mut batch, envelope);
            assert_eq!(batch.len() - before, frame_len(envelope.len()));
        }
        let got: Vec<_> = frames(&batch).map(Result::unwrap).collect();
        assert_eq!(
            got.iter().map(|f| f.envelope).collect::<Vec<_>>(),
            [&b"ab"[..], b"", &long]
        );
        assert_eq!(got.iter().map(|f| f.start).collect::<Vec<_>>(), [0, 4, 6]);
        let joined: Vec<u8> = got.iter().flat_map(|f| f.bytes).copied().collect();
        assert_eq!(joined, batch);
    }

    #[test]
    fn unknown_fields_are_skipped_and_not_part_of_a_frame() {
        // Field 2 varint, a frame, field 3 as a group that holds a fixed32.
        let batch = b"\x10\x05\x0a\x01x\x1b\x0d\x01\x02\x03\x04\x1c";
        let got: Vec<_> = frames(batch).map(Result::unwrap).collect();
        assert_eq!(
            got,
            [Frame {
                bytes: b"\x0a\x01x",
                start: 2,
                envelope: b"x"
            }]
        );
    }

    #[test]
    fn good_frames_before_a_bad_one_are_given_and_nothing_after() {
        let got: Vec<_> = frames(b"\x0a\x01x\x0a\x09x\x0a\x00").collect();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].unwrap().envelope, b"x");
        assert_eq!(
            got[1],
            Err(FrameError {
                at: 3,
                reason: "length beyond the end"
            })
        );
    }

    #[test]
    fn field_1_of_another_wire_type_is_an_error() {
        assert!(frames(b"\x08\x01").next().unwrap().is_err());
        assert!(frames(b"\x00").next().unwrap().is_err());
        assert_eq!(frames(b"").next(), None);
    }
}
