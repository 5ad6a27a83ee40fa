//! The shape of an envelope, for walks that check or rewrite it without decoding.

use crate::reader::{FIXED64, LEN, Reader, Reason, VARINT, field_number};

/// What a field of a known number holds.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Varint,
    Double,
    Bytes,
    Text,
    Message(&'static Fields),
}

/// The fields of a message, at most a handful.
pub(crate) type Fields = [(u32, Shape)];

const VALUE: &Fields = &[(1, Shape::Text), (2, Shape::Varint), (3, Shape::Double)];
pub(crate) const DEPRECATED_TAG: &Fields = &[(1, Shape::Text), (2, Shape::Message(VALUE))];
pub(crate) const TAG: &Fields = &[(1, Shape::Text), (2, Shape::Text)];
pub(crate) const LOG: &Fields = &[(1, Shape::Bytes), (2, Shape::Varint)];
pub(crate) const COUNTER: &Fields = &[(1, Shape::Text), (2, Shape::Varint), (3, Shape::Varint)];
const GAUGE_VALUE: &Fields = &[(1, Shape::Text), (2, Shape::Double)];
const METRIC: &Fields = &[(1, Shape::Text), (2, Shape::Message(GAUGE_VALUE))];
pub(crate) const GAUGE: &Fields = &[(1, Shape::Message(METRIC))];
pub(crate) const TIMER: &Fields = &[(1, Shape::Text), (2, Shape::Varint), (3, Shape::Varint)];
pub(crate) const EVENT: &Fields = &[(1, Shape::Text), (2, Shape::Text)];
pub(crate) const ENVELOPE: &Fields = &[
    (1, Shape::Varint),
    (2, Shape::Text),
    (3, Shape::Message(DEPRECATED_TAG)),
    (4, Shape::Message(LOG)),
    (5, Shape::Message(COUNTER)),
    (6, Shape::Message(GAUGE)),
    (7, Shape::Message(TIMER)),
    (8, Shape::Text),
    (9, Shape::Message(TAG)),
    (10, Shape::Message(EVENT)),
];

impl Shape {
    /// The wire type of such a field.
    pub(crate) fn wire_type(self) -> u64 {
        match self {
            Shape::Varint => VARINT,
            Shape::Double => FIXED64,
            Shape::Bytes | Shape::Text | Shape::Message(_) => LEN,
        }
    }
}

/// The shape of the field that `key` starts; none for an unknown number. A known
/// number with another wire type is an error: decoders disagree about it (prost
/// refuses it, Go skips it), so it must not travel on.
pub(crate) fn shape_of(fields: &Fields, key: u64) -> Result<Option<Shape>, Reason> {
    let number = field_number(key)?;
    match fields.iter().find(|(known, _)| *known == number) {
        None => Ok(None),
        Some((_, shape)) if shape.wire_type() == key & 7 => Ok(Some(*shape)),
        Some(_) => Err("wrong wire type for a known field"),
    }
}

/// Checks a message all the way down. True if every string in it is UTF-8.
pub(crate) fn check(message: &[u8], fields: &Fields, depth: u32) -> Result<bool, Reason> {
    let mut reader = Reader::new(message);
    let mut utf8 = true;
    while !reader.rest.is_empty() {
        let key = reader.varint()?;
        match shape_of(fields, key)? {
            None => reader.skip(key, depth)?,
            Some(Shape::Varint) => drop(reader.varint()?),
            Some(Shape::Double) => drop(reader.fixed64()?),
            Some(Shape::Bytes) => drop(reader.bytes()?),
            Some(Shape::Text) => utf8 &= std::str::from_utf8(reader.bytes()?).is_ok(),
            Some(Shape::Message(inner)) => utf8 &= check(reader.bytes()?, inner, depth - 1)?,
        }
    }
    Ok(utf8)
}
