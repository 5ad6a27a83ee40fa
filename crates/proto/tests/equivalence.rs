//! What the data path does on bytes is what a decoder would do.

use bytes::BytesMut;
use logweir_proto::edit::{self, DefaultTags};
use logweir_proto::frames::{frames, push_frame};
use logweir_proto::peek::{Kind, PeekError, peek};
use logweir_proto::sanitize::sanitize;
use logweir_proto::v2::{self, envelope::Message, value::Data};
use proptest::prelude::*;
use prost::Message as _;

mod generate;

/// Decodes as readers do: as part of a batch.
fn decode(envelope: &[u8]) -> Option<v2::Envelope> {
    let mut batch = BytesMut::new();
    push_frame(&mut batch, envelope);
    v2::EnvelopeBatch::decode(&*batch).ok()?.batch.pop()
}

/// True if a map field has another wire type than a map's: prost reads it as a
/// map all the same, Go skips it, and we refuse it.
fn has_odd_map(error: PeekError) -> bool {
    error == PeekError::Malformed("wrong wire type for a known field")
}

fn kind(envelope: &v2::Envelope) -> Option<Kind> {
    Some(match envelope.message.as_ref()? {
        Message::Log(_) => Kind::Log,
        Message::Counter(_) => Kind::Counter,
        Message::Gauge(_) => Kind::Gauge,
        Message::Timer(_) => Kind::Timer,
        Message::Event(_) => Kind::Event,
    })
}

fn peek_is_decode(bytes: &[u8]) -> Result<(), TestCaseError> {
    let decoded = decode(bytes);
    match peek(bytes) {
        Ok(peek) => {
            let Some(e) = decoded else {
                return Err(TestCaseError::fail("a decoder refuses what peek accepts"));
            };
            prop_assert_eq!(peek.timestamp, e.timestamp);
            prop_assert_eq!(peek.source_id, &e.source_id);
            prop_assert_eq!(peek.instance_id, &e.instance_id);
            prop_assert_eq!(peek.kind, kind(&e));
            prop_assert_eq!(peek.has_deprecated_tags, !e.deprecated_tags.is_empty());
            let name = match &e.message {
                Some(Message::Counter(c)) => Some(&c.name),
                Some(Message::Timer(t)) => Some(&t.name),
                _ => None,
            };
            let found = peek.metric_name();
            prop_assert_eq!(found.as_deref(), name.map(String::as_str));
            let names = match &e.message {
                Some(Message::Gauge(g)) => g.metrics.keys().cloned().collect(),
                _ => Vec::new(),
            };
            prop_assert_eq!(peek.gauge_names(), names);
            if let Some(Message::Counter(c)) = &e.message {
                let (name, delta, total) = (&*c.name, c.delta, c.total);
                let body = peek.body();
                prop_assert_eq!(edit::counter(&body), (name, delta, total));
            }
        }
        Err(PeekError::InvalidUtf8) => {
            prop_assert!(decoded.is_none());
            let mended = sanitize(bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(peek(&mended).is_ok());
            prop_assert!(decode(&mended).is_some());
        }
        Err(error) if has_odd_map(error) => {}
        Err(_) => {
            prop_assert!(decoded.is_none());
            prop_assert!(sanitize(bytes).is_err());
        }
    }
    Ok(())
}

/// Compares envelopes, NaN equal to itself.
fn same(left: &v2::Envelope, right: &v2::Envelope) -> bool {
    format!("{left:?}") == format!("{right:?}")
}

fn edited(edit: impl FnOnce(&mut BytesMut)) -> v2::Envelope {
    let mut out = BytesMut::new();
    edit(&mut out);
    assert!(peek(&out).is_ok());
    decode(&out).expect("an edit leaves an envelope")
}

fn agent_text(value: &v2::Value) -> String {
    match &value.data {
        None => String::new(),
        Some(Data::Text(text)) => text.clone(),
        Some(Data::Integer(number)) => number.to_string(),
        Some(Data::Decimal(number)) if number.is_infinite() => {
            if *number > 0.0 {
                "+Inf".into()
            } else {
                "-Inf".into()
            }
        }
        Some(Data::Decimal(number)) => number.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn peek_finds_what_a_decoder_finds(bytes in generate::valid_bytes()) {
        prop_assert!(peek(&bytes).is_ok());
        peek_is_decode(&bytes)?;
    }

    #[test]
    fn peek_accepts_what_a_decoder_accepts(bytes in generate::any_bytes()) {
        peek_is_decode(&bytes)?;
    }

    #[test]
    fn sanitize_leaves_good_envelopes_alone(bytes in generate::valid_bytes()) {
        let mended = sanitize(&bytes).unwrap();
        prop_assert!(same(&decode(&mended).unwrap(), &decode(&bytes).unwrap()));
    }

    #[test]
    fn frames_are_the_envelopes_of_a_decoded_batch(bytes in generate::any_bytes()) {
        let split: Result<Vec<_>, _> = frames(&bytes).collect();
        match (v2::EnvelopeBatch::decode(&*bytes), split) {
            (Ok(batch), Ok(split)) => {
                prop_assert_eq!(batch.batch.len(), split.len());
                for (envelope, frame) in batch.batch.iter().zip(split) {
                    prop_assert!(same(envelope, &decode(frame.envelope).unwrap()));
                    prop_assert_eq!(&bytes[frame.start..][..frame.bytes.len()], frame.bytes);
                }
            }
            (Err(_), Err(_)) => {}
            // The batch is fine, an envelope in it is not.
            (Err(_), Ok(split)) => {
                prop_assert!(split.iter().any(|frame| peek(frame.envelope).is_err()));
            }
            (Ok(_), Err(error)) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn tagging_is_what_it_would_be_decoded(
        bytes in generate::valid_bytes(),
        defaults in generate::tags(),
        source_id in proptest::option::of("[a-c]{0,2}"),
    ) {
        let mut expected = decode(&bytes).unwrap();
        for (name, value) in &expected.deprecated_tags {
            expected.tags.insert(name.clone(), agent_text(value));
        }
        for (name, value) in &defaults {
            expected.tags.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(source_id) = &source_id {
            expected.source_id = source_id.clone();
        }
        let defaults = DefaultTags::new(&defaults);
        let got = edited(|out| edit::tag_for_agent(&bytes, &defaults, source_id.as_deref(), out));
        prop_assert!(same(&got, &expected), "{:?}\n{:?}", got, expected);
    }

    #[test]
    fn preferred_tags_are_what_they_would_be_decoded(bytes in generate::valid_bytes()) {
        let mut expected = decode(&bytes).unwrap();
        for (name, value) in std::mem::take(&mut expected.deprecated_tags) {
            // Decimals differ from the agent's; the golden cases have them.
            if value.data.is_some() && !matches!(value.data, Some(Data::Decimal(_))) {
                expected.tags.insert(name, agent_text(&value));
            } else if value.data.is_some() {
                expected.tags.insert(name, String::new());
            }
        }
        let mut got = edited(|out| edit::to_preferred(&bytes, out));
        for (name, value) in decode(&bytes).unwrap().deprecated_tags {
            if let Some(Data::Decimal(number)) = value.data {
                let text = got.tags.insert(name, String::new()).unwrap();
                let back: f64 = text.trim_start_matches('+').parse().unwrap();
                prop_assert!(back.to_bits() == number.to_bits() || number.is_nan());
            }
        }
        prop_assert!(same(&got, &expected), "{:?}\n{:?}", got, expected);
    }

    #[test]
    fn deprecated_tags_are_what_they_would_be_decoded(bytes in generate::valid_bytes()) {
        let mut expected = decode(&bytes).unwrap();
        for (name, value) in std::mem::take(&mut expected.tags) {
            expected.deprecated_tags.insert(name, v2::Value { data: Some(Data::Text(value)) });
        }
        let got = edited(|out| edit::to_deprecated(&bytes, out));
        prop_assert!(same(&got, &expected), "{:?}\n{:?}", got, expected);
    }

    #[test]
    fn totals_are_what_they_would_be_decoded(bytes in generate::valid_bytes(), total: u64) {
        let mut expected = decode(&bytes).unwrap();
        if let Some(Message::Counter(counter)) = &mut expected.message {
            counter.total = total;
        }
        let got = edited(|out| edit::with_counter_total(&bytes, total, out));
        prop_assert!(same(&got, &expected), "{:?}\n{:?}", got, expected);
    }

    #[test]
    fn source_ids_are_what_they_would_be_decoded(bytes in generate::valid_bytes()) {
        let e = decode(&bytes).unwrap();
        let expected = if !e.source_id.is_empty() {
            None
        } else if let Some(origin) = e.tags.get("origin") {
            Some(origin.clone())
        } else {
            e.deprecated_tags.get("origin").map(|value| match &value.data {
                Some(Data::Text(text)) => text.clone(),
                _ => String::new(),
            })
        };
        prop_assert_eq!(edit::default_source_id(&bytes), expected);
    }

    #[test]
    fn edits_of_any_bytes_end(bytes in generate::any_bytes()) {
        let mut out = BytesMut::new();
        edit::tag_for_agent(&bytes, &DefaultTags::default(), None, &mut out);
        edit::to_preferred(&bytes, &mut out);
        edit::to_deprecated(&bytes, &mut out);
        edit::with_counter_total(&bytes, 5, &mut out);
        edit::default_source_id(&bytes);
        edit::counter(&bytes);
    }
}
