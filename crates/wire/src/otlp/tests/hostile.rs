//! Requests that are not what they should be.

use prost::Message;
use serde_json::json;

use super::{defaults, envelopes, from_json, refused};
use crate::otlp::{
    Defaults, Encoding, Outcome, Refusal, Signal, answer, failure, import,
    messages::{Answer, KeyValue, LogRecord, OfResource, OfScope, Request, Resource, Status},
};

fn request(records: Vec<LogRecord>, resource: Resource) -> Vec<u8> {
    let scopes = vec![OfScope {
        scope: None,
        items: records,
    }];
    let resources = vec![OfResource {
        resource: Some(resource),
        scopes,
    }];
    Request { resources }.encode_to_vec()
}

#[test]
fn what_is_no_request_is_refused_whole() {
    let whole = request(vec![LogRecord::default()], Resource::default());
    assert!(envelopes(Signal::Logs, Encoding::Protobuf, &whole).is_ok());
    for (encoding, body) in [
        (Encoding::Protobuf, &whole[..whole.len() - 1]),
        (Encoding::Protobuf, b"\x0a\xff"),
        (Encoding::Protobuf, b"\x08\x01"),
        (Encoding::Json, b""),
        (Encoding::Json, b"[]"),
        (Encoding::Json, b"{\"resourceLogs\": {}}"),
        (Encoding::Json, b"{\"resourceLogs\": [1]}"),
        (Encoding::Json, b"{\"resourceLogs\": [{\"resource\": 1}]}"),
        (
            Encoding::Json,
            b"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": 1}]}]}",
        ),
        (Encoding::Json, b"{\"resourceLogs\": [{}], \"x\": \xff}"),
        (Encoding::Json, b"{\"resourceLogs\": [{}]"),
    ] {
        let found = envelopes(Signal::Logs, encoding, body);
        assert!(found.is_err(), "{encoding:?} {}", body.escape_ascii());
    }
    for (encoding, body) in [
        (Encoding::Protobuf, &b""[..]),
        (Encoding::Protobuf, b"\x7a\x00"),
        (Encoding::Json, b"{}"),
        (
            Encoding::Json,
            b"{\"resourceLogs\": null, \"resourceSpans\": 1}",
        ),
    ] {
        let (all, outcome) = envelopes(Signal::Logs, encoding, body).unwrap();
        assert_eq!((all.len(), outcome), (0, Outcome::default()));
    }
}

#[test]
fn a_record_that_cannot_be_read_goes_alone() {
    let mut body = request(vec![LogRecord::default()], Resource::default());
    // Field 1 of a record is a fixed64, not a varint.
    let bad = [0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x08, 0x01];
    body.extend_from_slice(&bad);
    let (all, outcome) = envelopes(Signal::Logs, Encoding::Protobuf, &body).unwrap();
    assert_eq!((all.len(), outcome.accepted), (1, 1));
    assert_eq!(outcome.refused, refused(Refusal::Malformed, 1));

    let records = json!([{}, 1, { "timeUnixNano": -1 }, { "traceId": "zz" }, { "body": { "stringValue": 1 } }, {}]);
    let request = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] });
    let (all, outcome) = from_json(Signal::Logs, &request);
    assert_eq!((all.len(), outcome.accepted), (2, 2));
    assert_eq!(outcome.refused, refused(Refusal::Malformed, 4));

    let answered = answer(Signal::Logs, Encoding::Protobuf, &outcome);
    let partial = Answer::decode(&answered[..]).unwrap().partial_success;
    let partial = partial.unwrap();
    assert_eq!(partial.rejected, 4);
    assert_eq!(partial.error_message, b"4 refused: cannot be read");
    let answered = answer(Signal::Logs, Encoding::Json, &outcome);
    assert_eq!(
        String::from_utf8(answered).unwrap(),
        r#"{"partialSuccess":{"rejectedLogRecords":"4","errorMessage":"4 refused: cannot be read"}}"#
    );
    assert_eq!(
        answer(Signal::Logs, Encoding::Protobuf, &Outcome::default()),
        b""
    );
    assert_eq!(
        answer(Signal::Logs, Encoding::Json, &Outcome::default()),
        b"{}"
    );
    let status = Status::decode(&failure(Encoding::Protobuf, 3, "no")[..]).unwrap();
    assert_eq!((status.code, &*status.message), (3, "no"));
}

#[test]
fn bad_text_costs_the_text() {
    let attributes = vec![
        KeyValue {
            key: b"k\xff".to_vec(),
            value: None,
        },
        KeyValue::default(),
    ];
    let record = LogRecord {
        severity_text: b"\xfe".to_vec(),
        attributes,
        ..LogRecord::default()
    };
    let body = request(vec![record], Resource::default());
    let (all, _) = envelopes(Signal::Logs, Encoding::Protobuf, &body).unwrap();
    assert_eq!(
        super::tags(&all[0]),
        [("k\u{fffd}", ""), ("severity_text", "\u{fffd}")]
    );
}

#[test]
fn a_large_record_is_refused_and_what_swells_has_an_end() {
    let large = |bytes: usize| LogRecord {
        severity_text: vec![b'x'; bytes],
        ..LogRecord::default()
    };
    let body = request(vec![large(1 << 20), large(1)], Resource::default());
    let (all, outcome) = envelopes(Signal::Logs, Encoding::Protobuf, &body).unwrap();
    assert_eq!((all.len(), outcome.accepted), (1, 1));
    assert_eq!(outcome.refused, refused(Refusal::TooLarge, 1));

    // Ten records of a few bytes, and a kilobyte that is in each.
    let attributes = vec![super::super::attributes::attribute("k", &"v".repeat(1000))];
    let body = request(vec![LogRecord::default(); 10], Resource { attributes });
    let defaults = Defaults {
        most_bytes: 2500,
        ..defaults()
    };
    let mut bytes = 0;
    let outcome = import(
        Signal::Logs,
        Encoding::Protobuf,
        &body,
        &defaults,
        &mut |envelope| {
            bytes += envelope.len();
        },
    );
    let outcome = outcome.unwrap();
    assert_eq!(outcome.accepted, 3);
    assert_eq!(outcome.refused, refused(Refusal::TooMuch, 7));
    assert!(bytes < 3500, "{bytes}");
    let attributes = vec![super::super::attributes::attribute(
        "k",
        &"v".repeat(1 << 20),
    )];
    let body = request(vec![LogRecord::default()], Resource { attributes });
    assert!(envelopes(Signal::Logs, Encoding::Protobuf, &body).is_err());

    let buckets = vec![1; 1025];
    let metric = json!({ "name": "e", "exponentialHistogram": { "aggregationTemporality": 2, "dataPoints": [
        { "positive": { "bucketCounts": buckets } },
        { "scale": -2147483648, "positive": { "offset": 2147483647, "bucketCounts": [1, 1] } },
    ]}});
    let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [metric] }] }] });
    let (_, outcome) = from_json(Signal::Metrics, &request);
    assert_eq!(outcome.refused, refused(Refusal::TooLarge, 1));
}

#[test]
fn nesting_has_an_end() {
    let mut value = json!({ "intValue": 1 });
    for _ in 0..100 {
        value = json!({ "arrayValue": { "values": [value] } });
    }
    let request =
        json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "body": value }, {}] }] }] });
    let (all, outcome) = from_json(Signal::Logs, &request);
    assert_eq!((all.len(), outcome.accepted), (1, 1));
    assert_eq!(outcome.refused, refused(Refusal::Malformed, 1));
}
