use bytes::Bytes;
use prost::Message as _;

use super::*;
use crate::v1;

/// The log envelope of the protocol page's test vectors.
const LOG: &str = "0a0364656110053080b8edc5ef9fee941342410a0568656c6c6f10011880b8edc5ef9fee9413\
    222466343761633130622d353863632d343337322d613536372d3065303262326333643437392a03415050320130";
const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

fn envelope(event_type: i32) -> v1::Envelope {
    v1::Envelope {
        origin: bytes("o"),
        event_type: Some(event_type),
        ..Default::default()
    }
}

fn request(app: Option<v1::Uuid>) -> v1::HttpStartStop {
    v1::HttpStartStop {
        start_timestamp: Some(1),
        stop_timestamp: Some(2),
        request_id: Some(v1::Uuid {
            low: Some(1),
            high: Some(0),
        }),
        peer_type: Some(1),
        method: Some(1),
        uri: bytes(""),
        remote_address: bytes(""),
        user_agent: bytes(""),
        status_code: Some(200),
        content_length: Some(0),
        application_id: app,
        ..Default::default()
    }
}

#[test]
fn a_log_names_its_app() {
    let envelope = hex(LOG);
    let peek = peek_v1(&envelope).unwrap();
    assert_eq!(peek.event_type, 5);
    assert_eq!(peek.timestamp, 1_380_838_166_000_000_000);
    assert_eq!(peek.origin, b"dea");
    assert!(peek.body_present);
    assert_eq!(peek.class(), Class::Log);
    assert_eq!(peek.app_id().unwrap(), APP);
    assert_eq!(peek.source(), APP);
    assert_eq!(peek.body().len(), 0x41);
}

#[test]
fn what_belongs_to_no_app_is_the_systems() {
    let envelope = hex("0a03646561100752080a04726571731003");
    let peek = peek_v1(&envelope).unwrap();
    assert_eq!(peek.class(), Class::Metric);
    assert_eq!(peek.app_id().unwrap(), "system");
    assert_eq!(peek.source(), "dea");
    assert_eq!(peek.named_app(), None);
}

#[test]
fn a_request_belongs_to_the_app_of_its_uuid() {
    let app = v1::Uuid {
        low: Some(0x7243_cc58_0bc1_7af4),
        high: Some(0x79d4_c3b2_020e_67a5),
    };
    let of = |app| {
        let http_start_stop = Some(request(app));
        v1::Envelope {
            http_start_stop,
            ..envelope(4)
        }
        .encode_to_vec()
    };
    assert_eq!(peek_v1(&of(Some(app))).unwrap().app_id().unwrap(), APP);
    assert_eq!(peek_v1(&of(None)).unwrap().app_id().unwrap(), "system");
    let half = v1::Uuid {
        low: Some(1),
        high: None,
    };
    assert!(peek_v1(&of(Some(half))).is_err());
}

#[test]
fn an_empty_app_id_is_no_app_and_the_tag_names_the_source() {
    let log_message = Some(v1::LogMessage {
        message: bytes(""),
        message_type: Some(1),
        timestamp: Some(0),
        ..Default::default()
    });
    let tag = |value| v1::Tag {
        key: bytes("source_id"),
        value,
    };
    let tags = vec![tag(bytes("old")), tag(bytes("new"))];
    let log = v1::Envelope {
        log_message,
        tags,
        ..envelope(5)
    };
    let encoded = log.encode_to_vec();
    let peek = peek_v1(&encoded).unwrap();
    assert_eq!(peek.app_id(), None);
    assert_eq!(peek.source_id_tag, Some(&b"new"[..]));
    assert_eq!(peek.source(), "new");
}

#[test]
fn required_fields_are_required_in_payloads_that_do_not_count_too() {
    for (bytes, valid) in [
        ("", false),
        ("0a016f", false),
        ("1005", false),
        ("0a016f1005", true),
        ("0a016f100542020a00", false),
        ("0a016f100542060a0010011800", true),
        // A value metric without its unit, in a log.
        (
            "0a016f100542060a00100118004a0c0a016e110000000000000000",
            false,
        ),
        // The parts of a log merge.
        ("0a016f100542020a00420410011800", true),
        // A varint in the place of the log is an unknown field.
        ("0a016f10054005", true),
        // In the place of the event type it leaves that missing.
        ("0a016f1500000000", false),
    ] {
        assert_eq!(peek_v1(&hex(bytes)).is_ok(), valid, "{bytes}");
    }
    assert!(!peek_v1(&hex("0a016f10054005")).unwrap().body_present);
}

#[test]
fn a_payload_in_parts_is_joined() {
    let envelope = hex("0a016f100542020a0042070a016110011800");
    let peek = peek_v1(&envelope).unwrap();
    assert_eq!(*peek.body(), *hex("0a000a016110011800"));
}

#[test]
fn an_unknown_type_or_the_payload_of_another_has_no_body() {
    for envelope in ["0a016f1002", "0a016f1063", "0a016f100642060a0010011800"] {
        let envelope = hex(envelope);
        let peek = peek_v1(&envelope).unwrap();
        assert!(!peek.body_present);
        assert_eq!(peek.app_id().unwrap(), "system");
        assert!(peek.body().is_empty());
    }
}
