//! Appends the fields of a V2 envelope: defaults are left out, strings are UTF-8.

use bytes::BytesMut;
use logweir_proto::peek_v1::plain_tag;
use logweir_proto::put;

use crate::convert::names::{text, v2};

/// Appends a number unless it is 0.
pub(super) fn put_number(out: &mut BytesMut, key: u64, value: u64) {
    if value != 0 {
        put::number(out, key, value);
    }
}

/// Appends a string unless it is empty.
pub(super) fn put_text(out: &mut BytesMut, key: u64, value: &[u8]) {
    if !value.is_empty() {
        put::bytes(out, key, String::from_utf8_lossy(value).as_bytes());
    }
}

pub(super) fn put_instance_id(out: &mut BytesMut, value: &[u8]) {
    put_text(out, v2::INSTANCE_ID, value);
}

/// Appends a tag that came as `entry` of a map. The usual one goes as it came.
#[inline]
pub(super) fn put_entry(out: &mut BytesMut, entry: &[u8], (name, value): (&[u8], &[u8])) {
    if entry.is_ascii() && plain_tag(entry).is_some() {
        put::bytes(out, v2::TAG, entry);
    } else {
        put_tag(out, name, value);
    }
}

/// Appends a tag, empty names and values included.
pub(super) fn put_tag(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    const NAME: u64 = text(1);
    const VALUE: u64 = text(2);
    let (name, value) = (
        String::from_utf8_lossy(name),
        String::from_utf8_lossy(value),
    );
    let len = put::bytes_len(NAME, name.len()) + put::bytes_len(VALUE, value.len());
    put::head(out, v2::TAG, len);
    put::bytes(out, NAME, name.as_bytes());
    put::bytes(out, VALUE, value.as_bytes());
}
