//! The fields of a message that was checked before. An error only ends the
//! iteration: [`peek`](crate::peek::peek) is where bytes are refused.

use crate::reader::{ENVELOPE_DEPTH, Reader};

/// One field, its value unread.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// Number and wire type.
    pub(crate) key: u64,
    /// Where the field starts and ends in its message.
    pub(crate) start: usize,
    pub(crate) end: usize,
    value: Reader<'a>,
}

impl<'a> Field<'a> {
    /// The value of a length-delimited field.
    pub(crate) fn bytes(self) -> &'a [u8] {
        let mut value = self.value;
        value.bytes().unwrap_or_default()
    }

    /// The value of a string field.
    pub(crate) fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// The value of a varint field.
    pub(crate) fn varint(self) -> u64 {
        let mut value = self.value;
        value.varint().unwrap_or_default()
    }

    /// The value of a double field.
    pub(crate) fn double(self) -> f64 {
        let mut value = self.value;
        f64::from_bits(value.fixed64().unwrap_or_default())
    }
}

/// The fields of `message` in wire order.
#[inline]
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        if reader.rest.is_empty() {
            return None;
        }
        let start = message.len() - reader.rest.len();
        let key = reader.varint().ok()?;
        let value = reader;
        reader.skip(key, ENVELOPE_DEPTH).ok()?;
        Some(Field {
            key,
            start,
            end: message.len() - reader.rest.len(),
            value,
        })
    })
}
