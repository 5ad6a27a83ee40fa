//! Appends fields in protobuf's wire format. `key` is `number << 3 | wire type`.

use bytes::BufMut;

pub use crate::reader::varint_len;

/// Appends a key or length or any other varint.
pub fn varint(out: &mut impl BufMut, value: u64) {
    crate::reader::put_varint(out, value);
}

/// Appends a length-delimited field: string, bytes, or an encoded message.
pub fn bytes(out: &mut impl BufMut, key: u64, value: &[u8]) {
    head(out, key, value.len());
    out.put_slice(value);
}

/// Appends the key and length of a length-delimited field whose `len` bytes follow.
pub fn head(out: &mut impl BufMut, key: u64, len: usize) {
    varint(out, key);
    varint(out, len as u64);
}

/// Appends a varint field.
pub fn number(out: &mut impl BufMut, key: u64, value: u64) {
    varint(out, key);
    varint(out, value);
}

/// Appends a double field.
pub fn double(out: &mut impl BufMut, key: u64, value: f64) {
    varint(out, key);
    out.put_slice(&value.to_le_bytes());
}

/// The length of a length-delimited field around `len` bytes.
pub const fn bytes_len(key: u64, len: usize) -> usize {
    varint_len(key) + varint_len(len as u64) + len
}

/// The length of a varint field.
pub const fn number_len(key: u64, value: u64) -> usize {
    varint_len(key) + varint_len(value)
}
