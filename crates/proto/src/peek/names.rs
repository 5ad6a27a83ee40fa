//! Names inside the oneof members, read on demand. The bytes were checked by the
//! walk, so an error here only ends the reading.

use crate::peek::key;
use crate::reader::{ENVELOPE_DEPTH, Reader};

/// Key of a string or message in field 1.
const FIELD_1: u64 = 1 << 3 | 2;

/// The fields of a checked message as (key, reader at the value); the caller
/// reads nothing, so every value is skipped here.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = (u64, Reader<'_>)> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || {
        if reader.rest.is_empty() {
            return None;
        }
        let key = reader.varint().ok()?;
        let value = reader;
        reader.skip(key, ENVELOPE_DEPTH).ok()?;
        Some((key, value))
    })
}

/// The last string or message in field 1.
fn last_field_1(message: &[u8]) -> &[u8] {
    fields(message)
        .filter(|(key, _)| *key == FIELD_1)
        .filter_map(|(_, mut value)| value.bytes().ok())
        .last()
        .unwrap_or_default()
}

/// The name of a counter or timer body.
pub(crate) fn metric_name(body: &[u8]) -> &str {
    std::str::from_utf8(last_field_1(body)).unwrap_or_default()
}

/// The names of a gauge body, one per map entry, in wire order.
pub(super) fn gauge_names(body: &[u8]) -> impl Iterator<Item = &str> {
    fields(body)
        .filter(|(key, _)| *key == FIELD_1)
        .filter_map(|(_, mut value)| value.bytes().ok())
        .map(metric_name)
}

/// The oneof member of an envelope that carries it in parts: the bodies of the
/// last run of one member, joined.
pub(super) fn joined_body(envelope: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    let mut member = 0;
    for (key, mut value) in fields(envelope) {
        if matches!(
            key,
            key::LOG | key::COUNTER | key::GAUGE | key::TIMER | key::EVENT
        ) {
            if member != key {
                joined.clear();
                member = key;
            }
            joined.extend_from_slice(value.bytes().unwrap_or_default());
        }
    }
    joined
}
