//! What the writer writes, the parser reads; and readers of strict JSON too.

use logweir_proto::frames::push_frame;
use logweir_proto::v2::{self, envelope::Message, value::Data};
use logweir_wire::{json, sse};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use prost::Message as _;

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// Any double but negative zero, which prost does not encode.
fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| if number == 0.0 { 0.0 } else { number })
}

fn message() -> impl Strategy<Value = Message> {
    let readings = btree_map(text(), (text(), double()), 0..4);
    prop_oneof![
        (vec(any::<u8>(), 0..40), -2..3i32).prop_map(|(payload, r#type)| {
            Message::Log(v2::Log {
                payload: payload.into(),
                r#type,
            })
        }),
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

prop_compose! {
    fn envelope()(
        timestamp in any::<i64>(),
        source_id in text(),
        instance_id in text(),
        tags in btree_map(text(), text(), 0..4),
        typed in btree_map(text(), proptest::option::of(prop_oneof![
            text().prop_map(Data::Text),
            any::<i64>().prop_map(Data::Integer),
            double().prop_map(Data::Decimal),
        ]), 0..3),
        message in proptest::option::of(message()),
    ) -> v2::Envelope {
        let deprecated_tags =
            typed.into_iter().map(|(name, data)| (name, v2::Value { data })).collect();
        v2::Envelope { timestamp, source_id, instance_id, deprecated_tags, tags, message }
    }
}

proptest! {
    #[test]
    fn a_batch_comes_back_whole(envelopes in vec(envelope(), 0..4), chunk in 1..50_usize) {
        let mut batch = bytes::BytesMut::new();
        for envelope in &envelopes {
            push_frame(&mut batch, &envelope.encode_to_vec());
        }
        let mut stream = Vec::new();
        let written = sse::batch_event(&batch, &mut stream);
        prop_assert_eq!(written, json::Written { envelopes: envelopes.len(), refused: 0 });
        let mut parser = sse::Parser::new();
        for chunk in stream.chunks(chunk) {
            parser.push(chunk);
        }
        let Some(sse::Event::Batch(json)) = parser.next() else {
            return Err(TestCaseError::fail("no batch"));
        };
        let back = json::parse_batch(&json).map_err(|e| TestCaseError::fail(e.to_string()))?;
        // By text: NaN is not equal to itself.
        prop_assert_eq!(format!("{:?}", back.batch), format!("{envelopes:?}"));
    }

    #[test]
    fn parsers_take_any_bytes(bytes in vec(any::<u8>(), 0..60)) {
        let _ = json::parse_batch(&bytes);
        let mut out = Vec::new();
        json::envelope_batch(&bytes, &mut out);
        prop_assert!(json::parse_batch(&out).is_ok());
        let mut parser = sse::Parser::with_limit(20);
        parser.push(&bytes);
        prop_assert!(parser.count() <= bytes.len());
    }
}
