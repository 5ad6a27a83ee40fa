//! Envelopes, and bytes that are nearly envelopes.

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message, value::Data};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use prost::Message as _;

/// Short text, half of the time ASCII, of few names so that tags collide.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{0,3}",
        Just("origin".to_owned()),
        "\\PC{0,6}",
        vec(any::<char>(), 0..140).prop_map(String::from_iter),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        (-30..30i32).prop_map(|e| 1.5 * 10f64.powi(e)),
        Just(f64::NAN)
    ]
}

fn data() -> impl Strategy<Value = Option<Data>> {
    proptest::option::of(prop_oneof![
        text().prop_map(Data::Text),
        any::<i64>().prop_map(Data::Integer),
        number().prop_map(Data::Decimal),
    ])
}

fn message() -> impl Strategy<Value = Message> {
    let gauge = btree_map(text(), (text(), number()), 0..4).prop_map(|metrics| {
        let metrics = metrics
            .into_iter()
            .map(|(name, (unit, value))| (name, v2::GaugeValue { unit, value }))
            .collect();
        Message::Gauge(v2::Gauge { metrics })
    });
    prop_oneof![
        (vec(any::<u8>(), 0..200), prop_oneof![0..3i32, any::<i32>()]).prop_map(
            |(payload, r#type)| {
                Message::Log(v2::Log {
                    payload: payload.into(),
                    r#type,
                })
            }
        ),
        (text(), any::<u64>(), any::<u64>()).prop_map(|(name, delta, total)| {
            Message::Counter(v2::Counter { name, delta, total })
        }),
        gauge,
        (text(), any::<i64>(), any::<i64>())
            .prop_map(|(name, start, stop)| Message::Timer(v2::Timer { name, start, stop })),
        (text(), text()).prop_map(|(title, body)| Message::Event(v2::Event { title, body })),
    ]
}

prop_compose! {
    /// An envelope of any kind.
    pub(crate) fn envelope()(
        timestamp in any::<i64>(),
        source_id in text(),
        instance_id in text(),
        deprecated in btree_map(text(), data(), 0..3),
        tags in btree_map(text(), text(), 0..5),
        message in proptest::option::of(message()),
    ) -> v2::Envelope {
        let deprecated_tags =
            deprecated.into_iter().map(|(name, data)| (name, v2::Value { data })).collect();
        v2::Envelope { timestamp, source_id, instance_id, deprecated_tags, tags, message }
    }
}

/// Tags by name.
pub(crate) fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..5)
}

/// Bytes of an envelope as another encoder may write them: several envelopes one
/// after another (fields repeat, members split) with unknown fields between.
pub(crate) fn valid_bytes() -> impl Strategy<Value = Vec<u8>> {
    let unknown = prop_oneof![
        Just(vec![]),
        Just(b"\xa8\x06\x05".to_vec()),
        Just(b"\xa3\x06\x08\x01\x0d\x01\x02\x03\x04\xa4\x06".to_vec()),
        Just(b"\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08".to_vec()),
    ];
    vec((envelope(), unknown), 1..4).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(e, unknown)| [e.encode_to_vec(), unknown].concat())
            .collect()
    })
}

/// Bytes that are often nearly an envelope and sometimes one.
pub(crate) fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (
        valid_bytes(),
        vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        any::<bool>(),
    )
        .prop_map(|(mut bytes, changes, cut)| {
            for (at, byte) in changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                    if cut && byte < 8 {
                        bytes.truncate(at);
                    }
                }
            }
            bytes
        });
    // Few distinct bytes, so that random ones parse now and then.
    let keyed = vec(
        prop_oneof![
            prop::sample::select(b"\x08\x12\x1a\x22\x2a\x32\x3a\x42\x4a\x52\x0a\x10\x18\x11\x1b\x1c\x5b\x5c\x00\x01\x02\x03\x04\x06\x61\xff\x80".to_vec()),
            any::<u8>()
        ],
        0..24,
    );
    prop_oneof![valid_bytes(), mutated, keyed, vec(any::<u8>(), 0..40)]
}
