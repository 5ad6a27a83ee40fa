//! The fields of a message that was checked before. An error only ends the
//! iteration: [`peek`](crate::peek::peek) and [`peek_v1`](crate::peek_v1::peek_v1) are
//! where bytes are refused.

use crate::reader::{ENVELOPE_DEPTH, LEN, Reader};

/// One field, its value unread.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// Number and wire type.
    pub key: u64,
    /// Where the field starts in its message.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    value: Reader<'a>,
}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let range = self.start..self.end;
        write!(f, "field {} at {range:?}", self.key >> 3)
    }
}

impl<'a> Field<'a> {
    /// The value of a length-delimited field.
    pub fn bytes(self) -> &'a [u8] {
        let mut value = self.value;
        value.bytes().unwrap_or_default()
    }

    /// The value of a string field.
    pub fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The value of a varint field.
    pub fn varint(self) -> u64 {
        let mut value = self.value;
        value.varint().unwrap_or_default()
    }

    /// The value of a double field.
    pub fn double(self) -> f64 {
        let mut value = self.value;
        f64::from_bits(value.fixed64().unwrap_or_default())
    }
}

/// The fields of `message` in wire order.
#[inline]
pub fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        if reader.rest.is_empty() {
            return None;
        }
        let start = message.len() - reader.rest.len();
        let key = reader.varint().ok()?;
        let value = reader;
        // Most fields are strings, bytes or messages below number 16.
        if key & 7 == LEN && (8..0x80).contains(&key) {
            reader.bytes().ok()?;
        } else {
            reader.skip(key, ENVELOPE_DEPTH).ok()?;
        }
        Some(Field {
            key,
            start,
            end: message.len() - reader.rest.len(),
            value,
        })
    })
}
