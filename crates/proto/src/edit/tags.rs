//! Reads the two tag maps of an envelope and appends to them.

use std::collections::BTreeMap;

use super::*;

/// Keys of a map entry, and of the text member of a typed value.
const NAME: u64 = 1 << 3 | 2;
const VALUE: u64 = 2 << 3 | 2;
const TEXT: u64 = 1 << 3 | 2;
const INTEGER: u64 = 2 << 3;
const DECIMAL: u64 = 3 << 3 | 1;

/// The value of a deprecated tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TypedValue<'a> {
    Unset,
    Text(&'a str),
    Integer(i64),
    Decimal(f64),
}

/// The tags in wire order: a name may repeat, and its last value counts.
pub(super) fn tags(envelope: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    fields(envelope)
        .filter(|field| field.key == key::TAG)
        .map(|field| tag(field.bytes()))
}

/// A tag's name and value.
fn tag(entry: &[u8]) -> (&str, &str) {
    if let Some((name, value)) = plain(entry) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        return (text(name), text(value));
    }
    let mut found = ("", "");
    for field in fields(entry) {
        match field.key {
            NAME => found.0 = field.text(),
            VALUE => found.1 = field.text(),
            _ => {}
        }
    }
    found
}

/// A tag's name as bytes.
#[inline]
pub(super) fn tag_name(entry: &[u8]) -> &[u8] {
    match plain(entry) {
        Some((name, _)) => name,
        None => tag(entry).0.as_bytes(),
    }
}

/// Name and value of the usual entry: each once, below 128 bytes, nothing else.
#[inline]
fn plain(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0A, name_len @ ..0x80, tail @ ..] = entry else {
        return None;
    };
    let (name, tail) = tail.split_at_checked(usize::from(*name_len))?;
    match tail {
        [0x12, len @ ..0x80, value @ ..] if value.len() == usize::from(*len) => Some((name, value)),
        _ => None,
    }
}

/// The deprecated tags, of repeated names the last.
pub(super) fn deprecated_tags(envelope: &[u8]) -> BTreeMap<&str, TypedValue<'_>> {
    fields(envelope)
        .filter(|field| field.key == key::DEPRECATED_TAG)
        .map(|field| deprecated_tag(field.bytes()))
        .collect()
}

fn deprecated_tag(entry: &[u8]) -> (&str, TypedValue<'_>) {
    let mut found = ("", TypedValue::Unset);
    for field in fields(entry) {
        match field.key {
            NAME => found.0 = field.text(),
            // A value in parts merges: the last member set in any part counts.
            VALUE => {
                for member in fields(field.bytes()) {
                    match member.key {
                        TEXT => found.1 = TypedValue::Text(member.text()),
                        INTEGER => {
                            found.1 = TypedValue::Integer(member.varint().cast_signed());
                        }
                        DECIMAL => found.1 = TypedValue::Decimal(member.double()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Appends a tag; also empty names and values are written, as Go does.
pub(super) fn put_tag(out: &mut BytesMut, name: &str, value: &str) {
    put_varint(out, key::TAG);
    put_varint(out, (bytes_len(name.len()) + bytes_len(value.len())) as u64);
    put_bytes(out, NAME, name.as_bytes());
    put_bytes(out, VALUE, value.as_bytes());
}

/// Appends a deprecated tag with a text value.
pub(super) fn put_deprecated_tag(out: &mut BytesMut, name: &str, value: &str) {
    if let (Ok(name_len @ ..=0x3C), Ok(value_len @ ..=0x3C)) =
        (u8::try_from(name.len()), u8::try_from(value.len()))
    {
        // The usual tag: every length takes one byte, so four copies make it.
        out.put_slice(&[0x1A, name_len + value_len + 6, 0x0A, name_len]);
        out.put_slice(name.as_bytes());
        out.put_slice(&[0x12, value_len + 2, 0x0A, value_len]);
        return out.put_slice(value.as_bytes());
    }
    let text_len = bytes_len(value.len());
    put_varint(out, key::DEPRECATED_TAG);
    put_varint(out, (bytes_len(name.len()) + bytes_len(text_len)) as u64);
    put_bytes(out, NAME, name.as_bytes());
    put_varint(out, VALUE);
    put_varint(out, text_len as u64);
    put_bytes(out, TEXT, value.as_bytes());
}

/// The length of a field with a one-byte key around `len` bytes.
fn bytes_len(len: usize) -> usize {
    crate::frames::frame_len(len)
}
