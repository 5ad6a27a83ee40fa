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
pub(super) fn tag(entry: &[u8]) -> (&str, &str) {
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

/// A tag's name as bytes; the usual entry starts with it.
#[inline]
pub(super) fn tag_name(entry: &[u8]) -> &[u8] {
    match entry {
        [0x0A, len, tail @ ..] if *len < 0x80 => match tail.split_at_checked(usize::from(*len)) {
            // Nothing but the value follows, so no second name either.
            Some((name, [0x12, len, value @ ..]))
                if *len < 0x80 && value.len() == usize::from(*len) =>
            {
                name
            }
            _ => tag(entry).0.as_bytes(),
        },
        _ => tag(entry).0.as_bytes(),
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
