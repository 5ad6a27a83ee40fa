//! Mends strings that are not UTF-8, so that one bad tag does not end a stream.
//!
//! Go's decoder fails the whole message on such a string, and with it the stream;
//! we replace what is invalid and pass the rest on.

use crate::peek::PeekError;
use crate::reader::{ENVELOPE_DEPTH, Reader, put_varint};
use crate::schema::{ENVELOPE, Fields, Shape, shape_of};

#[cfg(test)]
mod tests;

/// The same envelope with every invalid sequence in a string replaced by U+FFFD.
/// Field order and unknown fields stay; a log's payload is bytes and stays too.
///
/// # Errors
/// [`PeekError::Malformed`] for bytes that are not an envelope at all.
pub fn sanitize(envelope: &[u8]) -> Result<Vec<u8>, PeekError> {
    // Each bad byte becomes three; few are bad.
    let mut out = Vec::with_capacity(envelope.len() + 16);
    rewrite(envelope, ENVELOPE, ENVELOPE_DEPTH, &mut out)?;
    Ok(out)
}

fn rewrite(
    message: &[u8],
    fields: &Fields,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), PeekError> {
    let mut reader = Reader::new(message);
    while !reader.rest.is_empty() {
        let start = reader.rest;
        let key = reader.varint()?;
        match shape_of(fields, key)? {
            Some(Shape::Text) => {
                let text = String::from_utf8_lossy(reader.bytes()?);
                put_field(out, key, text.as_bytes());
            }
            Some(Shape::Message(inner)) => {
                let body = reader.bytes()?;
                let mut rewritten = Vec::with_capacity(body.len() + 16);
                rewrite(body, inner, depth - 1, &mut rewritten)?;
                put_field(out, key, &rewritten);
            }
            Some(Shape::Varint | Shape::Double | Shape::Bytes) | None => {
                reader.skip(key, depth)?;
                out.extend_from_slice(&start[..start.len() - reader.rest.len()]);
            }
        }
    }
    Ok(())
}

fn put_field(out: &mut Vec<u8>, key: u64, value: &[u8]) {
    put_varint(out, key);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
