//! Reads protobuf's wire format off a slice: varints, keys, lengths, skips.
//!
//! Accepts what protobuf's Go and Rust decoders accept: varints of at most ten
//! bytes that fit 64 bits, keys in any (also padded) encoding, groups of a
//! bounded depth.

/// Why bytes are not protobuf; a fixed text, so that failing costs nothing.
pub(crate) type Reason = &'static str;

/// How many levels of messages and groups a decoder follows, counted from an
/// `EnvelopeBatch`: prost stops at this depth, Go's at 10,000.
const DEPTH: u32 = 100;

/// What is left of [`DEPTH`] for the fields of an envelope, which always
/// travels in a batch.
pub(crate) const ENVELOPE_DEPTH: u32 = DEPTH - 1;

/// Wire types as the low three bits of a key.
pub(crate) const VARINT: u64 = 0;
pub(crate) const FIXED64: u64 = 1;
pub(crate) const LEN: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED32: u64 = 5;

/// The unread rest of a message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Reads a varint; nearly all of ours are one byte long.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Reason> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Reason> {
        let mut value = 0u64;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7F) << (7 * i);
            if byte < 0x80 {
                if i == 9 && byte > 1 {
                    return Err("varint above 64 bits");
                }
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            "truncated varint"
        } else {
            "varint above ten bytes"
        })
    }

    /// Reads a length and that many bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Reason> {
        let len = self.varint()?;
        // A length beyond usize cannot be there either.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err("length beyond the end"),
        }
    }

    /// Reads eight little-endian bytes.
    pub(crate) fn fixed64(&mut self) -> Result<u64, Reason> {
        match self.rest.split_first_chunk::<8>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err("truncated fixed64"),
        }
    }

    /// Skips the value of a field whose key was just read. `depth` is how many
    /// levels may still be entered.
    pub(crate) fn skip(&mut self, key: u64, depth: u32) -> Result<(), Reason> {
        if depth == 0 {
            return Err("nested too deep");
        }
        let number = field_number(key)?;
        match key & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LEN => self.bytes().map(drop),
            START_GROUP => loop {
                let inner = self.varint()?;
                let inner_number = field_number(inner)?;
                if inner & 7 != END_GROUP {
                    self.skip(inner, depth - 1)?;
                } else if inner_number == number {
                    return Ok(());
                } else {
                    return Err("end of another group");
                }
            },
            END_GROUP => Err("end of a group that never started"),
            FIXED32 => match self.rest.split_at_checked(4) {
                Some((_, rest)) => {
                    self.rest = rest;
                    Ok(())
                }
                None => Err("truncated fixed32"),
            },
            _ => Err("unknown wire type"),
        }
    }
}

/// The field number of a key: 1 to 2^29-1.
pub(crate) fn field_number(key: u64) -> Result<u32, Reason> {
    match u32::try_from(key) {
        Err(_) => Err("field number above 2^29"),
        Ok(key) if key < 8 => Err("field number 0"),
        Ok(key) => Ok(key >> 3),
    }
}

/// The length of `value` as a varint, 1 to 10.
pub const fn varint_len(value: u64) -> usize {
    // Seven bits a byte; zero still takes one.
    ((63 - (value | 1).leading_zeros() as usize) / 7) + 1
}

/// Appends `value` as a varint.
pub(crate) fn put_varint(out: &mut impl bytes::BufMut, mut value: u64) {
    while value >= 0x80 {
        #[allow(clippy::cast_possible_truncation)] // the low byte is what is meant
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // below 0x80
    out.put_u8(value as u8);
}
