//! Messages of any envelope are ones that RFC 5424 allows, and come back as the same
//! envelope, through either framing.

use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::syslog::framing::{Decoder, Framing};
use logweir_wire::syslog::parse::{Arrival, Form, envelope};
use logweir_wire::syslog::{Style, messages, octet_counted};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use prost::Message as _;

const ARRIVAL: Arrival<'_> = Arrival {
    received: 7,
    source_id: "unknown",
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        vec(any::<char>(), 0..8).prop_map(String::from_iter)
    ]
}

fn word() -> impl Strategy<Value = String> {
    "[!-.0-~]{1,20}"
}

/// Any double but negative zero, which prost does not encode.
fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| if number == 0.0 { 0.0 } else { number })
}

/// Names of tags that need no mending.
fn name() -> impl Strategy<Value = String> {
    "[a-z_\\[][!#-<>-\\[\\^-~]{0,8}"
}

fn metric() -> impl Strategy<Value = Message> {
    let readings = btree_map(text(), (text(), double()), 1..4);
    prop_oneof![
        (text(), any::<u64>(), any::<u64>()).prop_map(|(name, delta, total)| {
            Message::Counter(v2::Counter { name, delta, total })
        }),
        readings.prop_map(|readings| {
            let reading = |(name, (unit, value))| (name, v2::GaugeValue { unit, value });
            Message::Gauge(v2::Gauge {
                metrics: readings.into_iter().map(reading).collect(),
            })
        }),
        (text(), any::<i64>(), any::<i64>())
            .prop_map(|(name, start, stop)| Message::Timer(v2::Timer { name, start, stop })),
        (text(), text()).prop_map(|(title, body)| Message::Event(v2::Event { title, body })),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let log = (vec(any::<u8>(), 0..40), -1..3i32).prop_map(|(payload, r#type)| {
        Message::Log(v2::Log {
            payload: payload.into(),
            r#type,
        })
    });
    prop_oneof![log, metric()]
}

/// Any envelope.
fn any_envelope() -> impl Strategy<Value = v2::Envelope> {
    let ids = (text(), prop_oneof![text(), "[a-zé]{100,160}"]);
    let tag = prop_oneof![
        text(),
        Just("source_type".to_owned()),
        Just("app_name".to_owned())
    ];
    let tags = btree_map(tag, prop_oneof![text(), "[a-z -]{100,160}"], 0..5);
    let message = proptest::option::of(message());
    (any::<i64>(), ids, message, tags).prop_map(|(timestamp, ids, message, tags)| v2::Envelope {
        timestamp,
        source_id: ids.0,
        instance_id: ids.1,
        message,
        tags,
        ..Default::default()
    })
}

/// An envelope that syslog has a place for in full: times in microseconds, ids that fit
/// their fields, a log without NUL or a newline at its end, at least one tag, and metrics
/// one at a time.
fn fitting_envelope() -> impl Strategy<Value = v2::Envelope> {
    let log = (vec(1..=255u8, 0..40), 0..2i32).prop_map(|(mut payload, r#type)| {
        payload.push(b'.');
        Message::Log(v2::Log {
            payload: payload.into(),
            r#type,
        })
    });
    let message = prop_oneof![log, metric().prop_map(single)];
    let tags = btree_map(name(), text(), 1..5);
    let source_type = proptest::option::of("[A-Z/]{0,12}");
    let micros = i64::MIN / 1000..i64::MAX / 1000;
    (micros, word(), word(), message, tags, source_type).prop_map(
        |(micros, source_id, instance_id, message, mut tags, source_type)| {
            tags.extend(source_type.map(|source_type| ("source_type".to_owned(), source_type)));
            v2::Envelope {
                timestamp: micros * 1000,
                // A lone dash is the absence of an app's name.
                source_id: format!("s{source_id}"),
                instance_id,
                message: Some(message),
                tags,
                ..Default::default()
            }
        },
    )
}

/// The message with one metric.
fn single(mut message: Message) -> Message {
    if let Message::Gauge(gauge) = &mut message {
        gauge.metrics = gauge.metrics.pop_first().into_iter().collect();
    }
    message
}

fn write(envelope: &v2::Envelope, style: &Style) -> Vec<Vec<u8>> {
    let (mut out, mut ends) = (b"before".to_vec(), Vec::new());
    let written = messages(&envelope.encode_to_vec(), style, &mut out, &mut ends);
    assert_eq!((written.messages, written.left_out), (ends.len(), 0));
    assert_eq!(ends.last().copied().unwrap_or(6), out.len());
    let starts = std::iter::once(&6).chain(&ends);
    starts
        .zip(&ends)
        .map(|(start, end)| out[*start..*end].to_vec())
        .collect()
}

/// Checks a header of RFC 5424 with the limits of its fields.
fn check(message: &[u8]) {
    let mut rest = message;
    let mut fields = Vec::new();
    for _ in 0..6 {
        let end = rest.iter().position(|byte| *byte == b' ').expect("a space");
        fields.push(std::str::from_utf8(&rest[..end]).expect("text"));
        rest = &rest[end + 1..];
    }
    assert!(matches!(fields[0], "<14>1" | "<11>1"), "{fields:?}");
    for (field, longest) in fields[1..].iter().zip([32, 255, 48, 128, 32]) {
        assert!((1..=longest).contains(&field.len()), "{fields:?}");
        assert!(field.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert!(rest.starts_with(b"[") || rest.starts_with(b"- "));
    assert!(rest.ends_with(b"\n") && !rest.contains(&0) || rest.starts_with(b"["));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_message_is_allowed(envelope in any_envelope(), hostname in text(), metadata: bool) {
        let written = write(&envelope, &Style { hostname, metadata });
        let expected = match &envelope.message {
            None => 0,
            Some(Message::Gauge(gauge)) => gauge.metrics.len(),
            Some(_) => 1,
        };
        prop_assert_eq!(written.len(), expected);
        for message in &written {
            check(message);
            let mut back = Vec::new();
            let form = self::envelope(message, &ARRIVAL, &mut back);
            prop_assert_eq!(form, Ok(Form::Rfc5424));
            prop_assert!(v2::Envelope::decode(&back[..]).is_ok());
        }
    }

    #[test]
    fn an_envelope_that_fits_comes_back(envelope in fitting_envelope()) {
        let style = Style { hostname: "host".into(), metadata: true };
        for message in write(&envelope, &style) {
            let mut back = Vec::new();
            self::envelope(&message, &ARRIVAL, &mut back).expect("a message");
            let back = v2::Envelope::decode(&back[..]).expect("an envelope");
            // As text, so that NaN is equal to itself.
            prop_assert_eq!(format!("{back:?}"), format!("{envelope:?}"));
        }
    }

    #[test]
    fn a_stream_falls_into_its_messages_however_it_comes(
        envelopes in vec(any_envelope(), 1..6),
        chunks in vec(1..40usize, 1..10),
    ) {
        let style = Style { hostname: "h".into(), metadata: true };
        let sent: Vec<Vec<u8>> = envelopes.iter().flat_map(|one| write(one, &style)).collect();
        let mut counted = Vec::new();
        for message in &sent {
            octet_counted(message, &mut counted);
        }
        prop_assert_eq!(received(&counted, &chunks, Framing::OctetCounted), sent);
        let lines: Vec<Vec<u8>> = sent_lines(&envelopes, &style);
        prop_assert_eq!(received(&lines.concat(), &chunks, Framing::Newline), lines
            .iter()
            .map(|line| line[..line.len() - 1].to_vec())
            .collect::<Vec<_>>());
    }
}

/// The messages that no newline or NUL would cut, with no carriage return before the last.
fn sent_lines(envelopes: &[v2::Envelope], style: &Style) -> Vec<Vec<u8>> {
    let sent = envelopes.iter().flat_map(|one| write(one, style));
    sent.filter(|message| {
        let line = &message[..message.len() - 1];
        !line.contains(&b'\n') && !line.contains(&0) && !line.ends_with(b"\r")
    })
    .collect()
}

/// What a decoder that finds the framing out by itself makes of a stream in chunks.
fn received(stream: &[u8], chunks: &[usize], framing: Framing) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(1 << 16);
    let mut found = Vec::new();
    let mut rest = stream;
    for size in chunks.iter().cycle() {
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        rest = tail;
        decoder.push(chunk);
        while let Some(message) = decoder.next_message() {
            found.push(message.expect("a message").to_vec());
        }
        if rest.is_empty() {
            break;
        }
    }
    assert!(decoder.finish().is_none());
    assert!(stream.is_empty() || decoder.framing() == Some(framing));
    found
}

/// A gauge whose every message repeats megabytes of tags stays within the bound.
#[test]
fn a_monstrous_gauge_is_bounded() {
    let reading = |at: i32| (format!("metric-{at:04}"), v2::GaugeValue::default());
    let envelope = v2::Envelope {
        tags: [("big".to_owned(), "x".repeat(3 << 20))].into(),
        message: Some(Message::Gauge(v2::Gauge {
            metrics: (0..1000).map(reading).collect(),
        })),
        ..Default::default()
    };
    let style = Style {
        hostname: String::new(),
        metadata: true,
    };
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    let written = messages(&envelope.encode_to_vec(), &style, &mut out, &mut ends);
    assert_eq!((written.messages, written.left_out), (5, 995));
    assert!(out.len() < logweir_wire::syslog::MAX_GAUGE);
}
