use prost::Message as _;

use super::*;
use crate::v2;
use crate::v2::envelope::Message;

fn counter(name: &str, delta: u64) -> v2::Envelope {
    let counter = v2::Counter {
        name: name.into(),
        delta,
        total: 0,
    };
    v2::Envelope {
        message: Some(Message::Counter(counter)),
        ..Default::default()
    }
}

#[test]
fn finds_what_routing_needs() {
    let envelope = v2::Envelope {
        timestamp: -5,
        source_id: "app".into(),
        instance_id: "7".into(),
        tags: [("k".to_owned(), "ü".to_owned())].into(),
        message: Some(Message::Log(v2::Log {
            payload: "hi".into(),
            r#type: 1,
        })),
        ..Default::default()
    };
    let bytes = envelope.encode_to_vec();
    let peek = peek(&bytes).unwrap();
    assert_eq!(
        (peek.timestamp, peek.source_id, peek.instance_id),
        (-5, "app", "7")
    );
    assert_eq!(peek.kind, Some(Kind::Log));
    assert_eq!(v2::Log::decode(peek.message).unwrap().payload, "hi");
    assert!(!peek.has_deprecated_tags);
    assert_eq!(peek.metric_name(), None);
}

#[test]
fn an_empty_envelope_is_an_envelope() {
    let peek = peek(b"").unwrap();
    assert_eq!(
        (peek.kind, peek.source_id, peek.message),
        (None, "", &[][..])
    );
}

#[test]
fn parts_of_one_member_merge() {
    let mut bytes = counter("first", 1).encode_to_vec();
    bytes.extend(b"\x2a\x02\x10\x09"); // the same member again: delta 9
    let peek = peek(&bytes).unwrap();
    assert_eq!(peek.metric_name().unwrap(), "first");
    let body = v2::Counter::decode(&*peek.body()).unwrap();
    assert_eq!((body.name.as_str(), body.delta), ("first", 9));
}

#[test]
fn another_member_between_starts_anew() {
    let mut bytes = counter("first", 1).encode_to_vec();
    bytes.extend(b"\x22\x00"); // a log
    bytes.extend(b"\x2a\x02\x10\x09"); // a counter without a name
    let peek = peek(&bytes).unwrap();
    assert_eq!(peek.metric_name().unwrap(), "");
    assert_eq!(&*peek.body(), b"\x10\x09");
}

#[test]
fn gauge_names_are_sorted_and_distinct() {
    let mut bytes = Vec::new();
    for name in ["b", "a", "b"] {
        bytes.extend(b"\x32\x07\x0a\x05\x0a\x01");
        bytes.extend(name.bytes());
        bytes.extend(b"\x12\x00");
    }
    assert_eq!(peek(&bytes).unwrap().gauge_names(), ["a", "b"]);
}

#[test]
fn bad_strings_are_told_apart_from_bad_structure() {
    assert_eq!(peek(b"\x12\x01\xff"), Err(PeekError::InvalidUtf8));
    assert_eq!(peek(b"\x4a\x03\x0a\x01\xff"), Err(PeekError::InvalidUtf8));
    assert_eq!(peek(b"\x2a\x03\x0a\x01\xff"), Err(PeekError::InvalidUtf8));
    assert!(matches!(
        peek(b"\x12\x01\xff\x12\x09"),
        Err(PeekError::Malformed(_))
    ));
    assert!(matches!(
        peek(b"\x22\x02\x0a\x05"),
        Err(PeekError::Malformed(_))
    ));
}

#[test]
fn a_payload_may_hold_any_bytes() {
    assert_eq!(peek(b"\x22\x03\x0a\x01\xff").unwrap().kind, Some(Kind::Log));
}

#[test]
fn wrong_wire_types_and_numbers_are_malformed() {
    for bytes in [
        &b"\x09\0\0\0\0\0\0\0\0"[..],
        b"\x48\x00",
        b"\x00\x00",
        b"\x07",
        b"\x5c",
    ] {
        assert!(
            matches!(peek(bytes), Err(PeekError::Malformed(_))),
            "{bytes:?}"
        );
    }
}

#[test]
fn groups_are_skipped_to_a_bounded_depth() {
    let nested = |depth: usize| [vec![0x5B; depth], vec![0x5C; depth]].concat();
    assert!(peek(&nested(99)).is_ok());
    assert!(matches!(peek(&nested(100)), Err(PeekError::Malformed(_))));
    assert!(peek(&nested(1_000_000)).is_err());
}
