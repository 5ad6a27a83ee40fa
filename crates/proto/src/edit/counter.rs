//! Reading a counter and replacing its total.

use super::*;

const NAME: u64 = 1 << 3 | 2;
const DELTA: u64 = 2 << 3;
const TOTAL: u64 = 3 << 3;

/// The name, delta and total of a counter's bytes (see
/// [`Peek::body`](crate::peek::Peek::body)).
pub fn counter(message: &[u8]) -> (&str, u64, u64) {
    let mut found = ("", 0, 0);
    for field in fields(message) {
        match field.key {
            NAME => found.0 = field.text(),
            DELTA => found.1 = field.varint(),
            TOTAL => found.2 = field.varint(),
            _ => {}
        }
    }
    found
}

/// Appends to `out` the envelope with its counter's total replaced. An envelope
/// that is no counter is copied.
pub fn with_counter_total(envelope: &[u8], total: u64, out: &mut BytesMut) {
    let peeked = match peek(envelope) {
        Ok(peeked) if peeked.kind == Some(Kind::Counter) => peeked,
        _ => return out.put_slice(envelope),
    };
    let body = peeked.body();
    out.reserve(envelope.len() + 16);
    copy_without(envelope, out, key::is_member);
    let mut counter = BytesMut::with_capacity(body.len() + 16);
    copy_without(&body, &mut counter, |key| key == TOTAL);
    if total != 0 {
        put_varint(&mut counter, TOTAL);
        put_varint(&mut counter, total);
    }
    put_bytes(out, key::COUNTER, &counter);
}
