//! Names inside the oneof members, read on demand.

use crate::fields::fields;
use crate::peek::key;

/// Key of a string or message in field 1.
const FIELD_1: u64 = 1 << 3 | 2;

/// The name of a counter or timer body; the key of a map entry.
pub(super) fn name(body: &[u8]) -> &str {
    fields(body)
        .filter(|field| field.key == FIELD_1)
        .last()
        .map(|f| f.text())
        .unwrap_or_default()
}

/// The names of a gauge body, one per map entry, in wire order.
pub(super) fn gauge_names(body: &[u8]) -> impl Iterator<Item = &str> {
    fields(body)
        .filter(|field| field.key == FIELD_1)
        .map(|field| name(field.bytes()))
}

/// The oneof member of an envelope that carries it in parts: the bodies of the
/// last run of one member, joined.
pub(super) fn joined_body(envelope: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    let mut member = 0;
    for field in fields(envelope).filter(|field| key::is_member(field.key)) {
        if member != field.key {
            joined.clear();
            member = field.key;
        }
        joined.extend_from_slice(field.bytes());
    }
    joined
}
