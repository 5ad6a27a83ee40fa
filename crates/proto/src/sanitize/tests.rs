use prost::Message as _;

use super::*;
use crate::peek::peek;
use crate::v2;

fn mended(envelope: &[u8]) -> v2::Envelope {
    assert_eq!(peek(envelope), Err(PeekError::InvalidUtf8));
    let bytes = sanitize(envelope).unwrap();
    peek(&bytes).unwrap();
    v2::Envelope::decode(&*bytes).unwrap()
}

#[test]
fn replaces_what_is_invalid_and_keeps_the_rest() {
    let envelope = mended(b"\x08\x07\x12\x03a\xffb\x4a\x06\x0a\x01k\x12\x01\x80");
    assert_eq!(envelope.timestamp, 7);
    assert_eq!(envelope.source_id, "a\u{FFFD}b");
    assert_eq!(envelope.tags["k"], "\u{FFFD}");
}

#[test]
fn reaches_strings_three_messages_deep() {
    // gauge { metrics { "g": { unit: ff } } } and deprecated_tags { "d": text fe }
    let gauge = mended(
        b"\x32\x0a\x0a\x08\x0a\x01g\x12\x03\x0a\x01\xff\x1a\x08\x0a\x01d\x12\x03\x0a\x01\xfe",
    );
    let Some(v2::envelope::Message::Gauge(readings)) = gauge.message else {
        panic!("no gauge")
    };
    assert_eq!(readings.metrics["g"].unit, "\u{FFFD}");
    let text = v2::value::Data::Text("\u{FFFD}".into());
    assert_eq!(gauge.deprecated_tags["d"].data, Some(text));
}

#[test]
fn leaves_payloads_and_unknown_fields_alone() {
    let good = b"\x22\x03\x0a\x01\xff\x9a\x06\x01\xfe\x1d";
    let envelope = [&good[..9], b"\x12\x01\xff"].concat();
    let bytes = sanitize(&envelope).unwrap();
    assert_eq!(bytes, [&good[..9], b"\x12\x03\xef\xbf\xbd"].concat());
    assert!(sanitize(good).is_err(), "a truncated fixed32");
}
