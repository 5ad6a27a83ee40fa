use logweir_proto::frames::push_frame;

use super::*;

fn json(value: &v2::Envelope) -> String {
    let mut out = Vec::new();
    envelope(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn with(message: Message) -> v2::Envelope {
    v2::Envelope {
        message: Some(message),
        ..Default::default()
    }
}

const EMPTY: &str =
    r#""timestamp":"0","source_id":"","instance_id":"","deprecated_tags":{},"tags":{}"#;

#[test]
fn an_envelope_without_a_message_has_five_fields() {
    assert_eq!(json(&v2::Envelope::default()), format!("{{{EMPTY}}}"));
}

#[test]
fn members_write_their_empty_fields_too() {
    let gauge = v2::Gauge::default();
    for (member, expected) in [
        (
            Message::Log(v2::Log::default()),
            r#""log":{"payload":"","type":"OUT"}"#,
        ),
        (
            Message::Counter(v2::Counter {
                delta: u64::MAX,
                ..Default::default()
            }),
            r#""counter":{"name":"","delta":"18446744073709551615","total":"0"}"#,
        ),
        (Message::Gauge(gauge), r#""gauge":{"metrics":{}}"#),
        (
            Message::Timer(v2::Timer {
                start: -1,
                ..Default::default()
            }),
            r#""timer":{"name":"","start":"-1","stop":"0"}"#,
        ),
        (
            Message::Event(v2::Event::default()),
            r#""event":{"title":"","body":""}"#,
        ),
    ] {
        assert_eq!(json(&with(member)), format!("{{{EMPTY},{expected}}}"));
    }
}

#[test]
fn an_unknown_log_type_is_a_number() {
    let log = v2::Log {
        payload: "hi\n".into(),
        r#type: -7,
    };
    assert!(json(&with(Message::Log(log))).ends_with(r#""log":{"payload":"aGkK","type":-7}}"#));
}

#[test]
fn strings_escape_only_what_json_demands() {
    let mut out = Vec::new();
    string(
        "a\"\\/<&\u{7f}\u{1}\u{1f}\u{8}\u{c}\n\r\tü\u{2028}",
        &mut out,
    );
    let expected = "\"a\\\"\\\\/<&\u{7f}\\u0001\\u001f\\b\\f\\n\\r\\tü\u{2028}\"";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn doubles_are_short_and_read_back() {
    for (number, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (5e-324, "5e-324"),
        (f64::NAN, "\"NaN\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ] {
        let mut out = Vec::new();
        double(number, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn a_batch_leaves_out_and_counts_what_is_no_envelope() {
    let mut batch = bytes::BytesMut::new();
    push_frame(&mut batch, b"\x12\x01a");
    push_frame(&mut batch, b"\x12\x09a");
    push_frame(&mut batch, b"\x12\x01\xff");
    batch.extend_from_slice(b"\x0a\x7f");
    let mut out = Vec::new();
    let written = envelope_batch(&batch, &mut out);
    assert_eq!(
        written,
        Written {
            envelopes: 2,
            refused: 2
        }
    );
    let back = parse_batch(&out).unwrap();
    let ids: Vec<_> = back.batch.iter().map(|e| e.source_id.as_str()).collect();
    assert_eq!(ids, ["a", "\u{FFFD}"]);
}

#[test]
fn an_empty_batch_is_an_empty_list() {
    let mut out = Vec::new();
    envelope_batch(b"", &mut out);
    assert_eq!(out, b"{\"batch\":[]}");
}

#[test]
fn parsing_takes_other_spellings() {
    let batch = parse_batch(
        br#"{"batch":[{"timestamp":5,"sourceId":"a","instanceId":"i","tags":null,"new":[1],
            "deprecatedTags":{"x":{"integer":"7"},"y":{"decimal":"NaN"},"z":{}},
            "log":{"payload":"_w","type":1}},{"gauge":{"metrics":{"m":{"value":2}}}}]}"#,
    )
    .unwrap();
    let first = &batch.batch[0];
    assert_eq!((first.timestamp, first.source_id.as_str()), (5, "a"));
    assert_eq!(first.instance_id, "i");
    assert_eq!(first.deprecated_tags["x"].data, Some(Data::Integer(7)));
    assert_eq!(first.deprecated_tags["z"].data, None);
    let log = v2::Log {
        payload: vec![0xff].into(),
        r#type: 1,
    };
    assert_eq!(first.message, Some(Message::Log(log)));
    let Some(Message::Gauge(gauge)) = &batch.batch[1].message else {
        panic!("no gauge")
    };
    assert_eq!(
        gauge.metrics["m"],
        v2::GaugeValue {
            unit: String::new(),
            value: 2.0
        }
    );
}

#[test]
fn parse_errors_name_the_field() {
    for (json, expected) in [
        (r#"{"batch":3}"#, "field batch of an envelope is not a list"),
        (
            r#"{"batch":[{"timestamp":"x"}]}"#,
            "field timestamp of an envelope is not a 64-bit number",
        ),
        (
            r#"{"batch":[{"log":{"payload":"*"}}]}"#,
            "field payload of an envelope is not base64",
        ),
        (
            r#"{"batch":[{"log":{"type":"BOTH"}}]}"#,
            "field type of an envelope is not OUT, ERR or a number",
        ),
        (
            r#"{"batch":[{"tags":{"a":1}}]}"#,
            "field tags of an envelope is not a string",
        ),
    ] {
        assert_eq!(
            parse_batch(json.as_bytes()).unwrap_err().to_string(),
            expected
        );
    }
    assert!(matches!(parse_batch(b"{"), Err(ParseError::Syntax(_))));
}
