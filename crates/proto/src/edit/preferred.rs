//! The reverse log proxy's two directions between `deprecated_tags` and `tags`.

use super::*;
use crate::reader::Reader;

/// Appends the envelope for a reader of preferred tags: deprecated tags copied
/// over the tags as text, then left out. A typed value without a member is not
/// copied.
pub fn to_preferred(envelope: &[u8], out: &mut BytesMut) {
    if !has_field(envelope, key::DEPRECATED_TAG) {
        return out.extend_from_slice(envelope);
    }
    out.reserve(envelope.len());
    copy_without(envelope, out, |key| key == key::DEPRECATED_TAG);
    for (name, value) in tags::deprecated_tags(envelope) {
        match value {
            TypedValue::Unset => {}
            TypedValue::Text(text) => tags::put_tag(out, name, text),
            TypedValue::Integer(number) => tags::put_tag(out, name, &number.to_string()),
            TypedValue::Decimal(number) => {
                tags::put_tag(out, name, &crate::decimal::shortest(number));
            }
        }
    }
}

/// Appends the envelope for a reader that did not ask for preferred tags: tags
/// copied over the deprecated tags as text values, then left out.
pub fn to_deprecated(envelope: &[u8], out: &mut BytesMut) {
    // Each tag grows by the four bytes of its value's message.
    out.reserve(envelope.len() + 64);
    copy_without(envelope, out, |key| key == key::TAG);
    for (name, value) in tags::tags(envelope) {
        tags::put_deprecated_tag(out, name, value);
    }
}

/// True if the envelope has a field of that key.
fn has_field(envelope: &[u8], wanted: u64) -> bool {
    let mut reader = Reader::new(envelope);
    while !reader.rest.is_empty() {
        match reader.varint() {
            Ok(key) if key == wanted => return true,
            Ok(key) if reader.skip(key, crate::reader::ENVELOPE_DEPTH).is_ok() => {}
            _ => return false,
        }
    }
    false
}
