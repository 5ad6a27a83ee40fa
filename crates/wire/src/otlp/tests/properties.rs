//! What holds for every envelope and every request.

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message};
use proptest::prelude::*;

use super::{defaults, envelopes};
use crate::otlp::{
    Encoding, Signal,
    export::{Item, item, logs, metrics, spans},
    import,
};

/// Envelopes that come back as they went out: nothing in them is what OTLP cannot say.
fn envelope() -> impl Strategy<Value = v2::Envelope> {
    let name = "[a-z]{1,8}";
    let log = (any::<Vec<u8>>(), 0..2_i32).prop_map(|(payload, r#type)| {
        let payload = String::from_utf8_lossy(&payload).into_owned().into();
        Message::Log(v2::Log { payload, r#type })
    });
    let event =
        (".{0,9}", ".{0,9}").prop_map(|(title, body)| Message::Event(v2::Event { title, body }));
    let counter = (name, 0..u64::MAX / 2).prop_map(|(name, total)| {
        Message::Counter(v2::Counter {
            name,
            delta: 0,
            total,
        })
    });
    let value = (".{0,5}", any::<f64>()).prop_map(|(unit, value)| v2::GaugeValue { unit, value });
    let gauge = (name, value).prop_map(|one| {
        let metrics = BTreeMap::from([one]);
        Message::Gauge(v2::Gauge { metrics })
    });
    let timer = (name, 0..i64::MAX, 1..i64::MAX)
        .prop_map(|(name, start, stop)| Message::Timer(v2::Timer { name, start, stop }));
    let tags = prop::collection::btree_map("t[a-z.]{0,6}", ".{0,9}", 0..4);
    let message = prop_oneof![log, event, counter, gauge, timer];
    (message, tags, 1..i64::MAX, "[a-z-]{1,9}", ".{0,3}").prop_map(
        |(message, mut tags, timestamp, source_id, instance_id)| {
            let mut timestamp = timestamp;
            if let Message::Timer(timer) = &message {
                timestamp = timer.stop;
                let ids = [
                    ("trace_id", "5b8efff798038103d269b633813fc60c"),
                    ("span_id", "eee19b7ec3c1b174"),
                ];
                tags.extend(ids.map(|(name, id)| (name.to_owned(), id.to_owned())));
            }
            v2::Envelope {
                timestamp,
                source_id,
                instance_id,
                tags,
                message: Some(message),
                ..v2::Envelope::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn an_envelope_comes_back(envelope in envelope()) {
        let (signal, request) = match item(envelope.clone(), 1).unwrap() {
            Item::Log(record) => (Signal::Logs, logs(vec![record])),
            Item::Metrics(all) => (Signal::Metrics, metrics(all)),
            Item::Span(span) => (Signal::Traces, spans(vec![span])),
        };
        let (all, outcome) = envelopes(signal, Encoding::Protobuf, &request).unwrap();
        prop_assert_eq!(outcome.refused_total(), 0);
        prop_assert_eq!(all, [envelope]);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(body: Vec<u8>, signal in 0..3_usize) {
        let mut bytes = 0;
        let signal = Signal::ALL[signal];
        let _ = import(signal, Encoding::Protobuf, &body, &defaults(), &mut |envelope| {
            bytes += envelope.len();
        });
        let _ = import(signal, Encoding::Json, &body, &defaults(), &mut |_| {});
    }
}
