//! Edits of an envelope's bytes without a decode.
//!
//! Ranges that stay are copied, new fields are appended: of a repeated field or
//! map key the last one counts, for every decoder. Unknown fields stay. Every
//! function takes an envelope that [`peek`](crate::peek::peek) accepts.

use bytes::{BufMut, BytesMut};

use crate::fields::fields;
use crate::peek::{Kind, key, peek};
use crate::reader::put_varint;

mod counter;
mod preferred;
mod tagger;
mod tags;
#[cfg(test)]
mod tests;

pub use counter::{counter, with_counter_total};
pub use preferred::{to_deprecated, to_preferred};
pub use tagger::{DefaultTags, tag_for_agent};

use tags::TypedValue;

/// What an agent sets as source id of an envelope that has none: the tag
/// `origin`, else the text of the deprecated tag `origin` (empty if it is no
/// text). None if the envelope has a source id or no such tag.
pub fn default_source_id(envelope: &[u8]) -> Option<String> {
    const ORIGIN: &str = "origin";
    if !peek(envelope).ok()?.source_id.is_empty() {
        return None;
    }
    if let Some(origin) = tags::tags(envelope)
        .filter(|(name, _)| *name == ORIGIN)
        .last()
    {
        return Some(origin.1.to_owned());
    }
    match tags::deprecated_tags(envelope).get(ORIGIN)? {
        TypedValue::Text(origin) => Some((*origin).to_owned()),
        TypedValue::Unset | TypedValue::Integer(_) | TypedValue::Decimal(_) => Some(String::new()),
    }
}

/// Copies the fields of a message for whose key `dropped` is false, in ranges as
/// long as they come.
fn copy_without(message: &[u8], out: &mut BytesMut, dropped: impl Fn(u64) -> bool) {
    let mut kept = 0;
    for field in fields(message).filter(|field| dropped(field.key)) {
        out.put_slice(&message[kept..field.start]);
        kept = field.end;
    }
    out.put_slice(&message[kept..]);
}

/// Appends a length-delimited field.
fn put_bytes(out: &mut BytesMut, key: u64, value: &[u8]) {
    put_varint(out, key);
    put_varint(out, value.len() as u64);
    out.put_slice(value);
}
