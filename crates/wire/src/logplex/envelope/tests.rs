//! Messages become envelopes and come back; envelopes of other ways become lines.

use logweir_proto::{
    frames::frames,
    peek::{Kind, peek},
    v2,
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

const RECEIVED: i64 = 1_000_000_000;

/// The envelope of a message, checked.
fn envelope(message: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    frame_of("channel", RECEIVED, message, &mut out);
    let mut all = frames(&out);
    let frame = all.next().unwrap().unwrap();
    assert_eq!(frame.bytes.len(), out.len());
    let peek = peek(frame.envelope).unwrap();
    assert_eq!((peek.kind, peek.source_id), (Some(Kind::Log), "channel"));
    frame.envelope.to_vec()
}

fn back(envelope: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(super::message(envelope, &mut out));
    out
}

fn decoded(message: &str) -> v2::Envelope {
    v2::Envelope::decode(&envelope(message.as_bytes())[..]).unwrap()
}

fn tags(envelope: &v2::Envelope) -> Vec<(&str, &str)> {
    let tags = envelope.tags.iter();
    tags.map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn a_tag_only_for_what_the_envelope_does_not_say() {
    let plain = decoded("<14>1 1970-01-01T00:00:02.000001+00:00 - app web.1 - - hello\n");
    assert_eq!(plain.timestamp, 2_000_001_000);
    assert_eq!(plain.instance_id, "web.1");
    assert_eq!(tags(&plain), [("source_type", "app")]);

    let full = decoded("<190>1 1970-01-01T00:00:02Z h app web.1 id [a] hello");
    assert_eq!(full.timestamp, 2_000_000_000);
    let expected = [
        ("host", "h"),
        ("msgid", "id"),
        ("pri", "190"),
        ("source_type", "app"),
        ("structured_data", "[a]"),
        ("time", "1970-01-01T00:00:02Z"),
    ];
    assert_eq!(tags(&full), expected);

    let error = decoded("<187>1 aaaa - app web.1 - hello");
    assert_eq!(error.timestamp, RECEIVED);
    let Some(v2::envelope::Message::Log(log)) = &error.message else {
        panic!("no log");
    };
    assert_eq!(log.r#type(), v2::log::Type::Err);
    assert_eq!(&log.payload[..], b"hello");
    let expected = [
        ("pri", "187"),
        ("source_type", "app"),
        ("structured_data", ""),
        ("time", "aaaa"),
    ];
    assert_eq!(tags(&error), expected);

    let raw = decoded("hello");
    assert_eq!(tags(&raw), [("logplex", "raw")]);
    // A message that only its own bytes give back is found by its names all the same.
    let raw = decoded("<14>2 aaaa - app web.1 - - hello");
    assert_eq!(tags(&raw), [("logplex", "raw"), ("source_type", "app")]);
    assert_eq!(raw.instance_id, "web.1");
}

#[test]
fn a_token_is_replaced_where_it_stands_and_nowhere_else() {
    for (message, name, expected) in [
        (
            "<14>1 t h t.1 77 t.1 - x",
            "app",
            "<14>1 t h app 77 app - x",
        ),
        (
            "<14>1 t t.1 t.1 p - - t.1",
            "app",
            "<14>1 t t.1 app p - - t.1",
        ),
        (
            "<14>1 t h t.1 p - - x",
            r"a&b\1",
            r"<14>1 t h a&b\1 p - - x",
        ),
        (
            "<14>1 t h t.1 p - - x",
            "my app\n",
            "<14>1 t h my_app_ p - - x",
        ),
        ("<14>1 t h t.1 p - - x", "", "<14>1 t h - p - - x"),
        ("<14>1 t h t.1 p - - x", "é", "<14>1 t h é p - - x"),
        ("<14>1  t h t.1", "app", "<14>1  t h app"),
        ("<14>1 t h t.1 p - - x", "APP", "<14>1 t h APP p - - x"),
        ("<14>1 t - t.1 p - - x", "APP", "<14>1 t - APP p - - x"),
    ] {
        let place = crate::logplex::line::token(message.as_bytes()).unwrap();
        let mut out = BytesMut::new();
        frame_renamed("c", 0, (message.as_bytes(), place), name, &mut out);
        let envelope = frames(&out).next().unwrap().unwrap().envelope;
        peek(envelope).unwrap();
        assert_eq!(String::from_utf8(back(envelope)).unwrap(), expected);
        if let Some(view) = LineView::of_envelope(envelope) {
            let line = Line::parse(expected.as_bytes()).unwrap();
            assert_eq!((&*view.source, &*view.ps), (line.source, line.ps));
        }
    }
}

#[test]
fn what_has_no_header_is_no_line() {
    assert_eq!(LineView::of_envelope(&envelope(b"hello")), None);
    assert_eq!(LineView::of_envelope(b""), None);
    let mut out = Vec::new();
    assert!(!super::message(b"", &mut out));
}

#[test]
fn bytes_that_are_no_text_are_shown() {
    let message = b"<14>1 t h app p\xff - - \xfe\n";
    let envelope = envelope(message);
    assert_eq!(back(&envelope), message);
    let view = LineView::of_envelope(&envelope).unwrap();
    assert_eq!((&*view.ps, view.content), (&b"p\xff"[..], &b"\xfe\n"[..]));
}

#[test]
fn lines_of_a_platform() {
    for (source_type, instance, source, ps) in [
        (Some("APP/PROC/WEB"), "0", "app", "web.0"),
        (Some("APP/PROC/WORKER/SIDECAR/X"), "12", "app", "worker.12"),
        (Some("APP/TASK/my job"), "0", "app", "task.0"),
        (Some("APP"), "1", "app", "web.1"),
        (Some("RTR"), "2", "rtr", "rtr.2"),
        (Some("STG"), "", "stg", "stg"),
        (Some("my app"), "a b", "my_app", "a_b"),
        (Some(""), "", "-", "-"),
        (None, "0", "app", "web.0"),
        (None, "pod-1", "app", "pod-1"),
        (None, "", "app", "-"),
    ] {
        let tags = source_type.map(|value| ("source_type".to_owned(), value.to_owned()));
        let envelope = v2::Envelope {
            timestamp: 2_000_001_000,
            instance_id: instance.into(),
            tags: tags.into_iter().collect(),
            message: Some(v2::envelope::Message::Log(v2::Log {
                payload: "hello".into(),
                r#type: 1,
            })),
            ..v2::Envelope::default()
        };
        let text = format!("<11>1 1970-01-01T00:00:02.000001+00:00 - {source} {ps} - - hello");
        let bytes = envelope.encode_to_vec();
        assert_eq!(String::from_utf8(back(&bytes)).unwrap(), text);
    }
}

/// Messages of all sorts, most of them nearly right.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "[a-z0-9.-]{1,8}",
        "[A-Z/]{1,8}",
        Just("2013-09-25T01:16:49.371356+00:00".to_owned()),
        "[12][0-9]{3}-[01][0-9]-[0-3][0-9][Tt ][0-9]{2}:[0-6][0-9]:[0-6][0-9]([.,][0-9]{0,7})?(Z|[+-]0[01]:?00)?",
        "\\PC{0,6}",
        "[\\x00-\\x20]{0,3}",
    ];
    let near = (
        "[0-9]{0,4}",
        prop::collection::vec(word, 0..8),
        "( | - |\\[a b=\"c\"\\] |)\\PC{0,20}\n?",
    )
        .prop_map(|(pri, words, content)| {
            let words = words.join(" ");
            format!("<{pri}>1 {words} {content}").into_bytes()
        });
    prop_oneof![4 => near, 1 => prop::collection::vec(any::<u8>(), 0..60)]
}

proptest! {
    #[test]
    fn every_message_comes_back(message in messages()) {
        let envelope = envelope(&message);
        prop_assert_eq!(back(&envelope), message.clone());
        let (view, line) = (LineView::of_envelope(&envelope), Line::parse(&message));
        match (view, line) {
            (None, None) => {}
            (Some(view), Some(line)) => {
                prop_assert_eq!(view.pri, line.pri);
                prop_assert_eq!(&*view.time, line.time);
                prop_assert_eq!(view.host, line.host);
                prop_assert_eq!(&*view.source, line.source);
                prop_assert_eq!(&*view.ps, line.ps);
                prop_assert_eq!(view.msgid, line.msgid);
                prop_assert_eq!(view.sd, line.sd);
                prop_assert_eq!(view.content, line.content);
            }
            (view, line) => prop_assert!(false, "{view:?} {line:?}"),
        }
    }
}
