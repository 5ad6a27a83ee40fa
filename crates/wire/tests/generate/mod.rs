//! V1 envelopes that are whole and legal, and V2 envelopes.

use bytes::Bytes;
use logweir_proto::v1;
use logweir_proto::v2::{self, envelope::Message, value::Data};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// Names that are neither fields of V1 nor set by the conversion.
fn tag_name() -> impl Strategy<Value = String> {
    "[a-z]{0,2}x"
}

fn text() -> BoxedStrategy<Bytes> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,6}"]
        .prop_map(Bytes::from)
        .boxed()
}

fn uuid() -> BoxedStrategy<v1::Uuid> {
    (any::<u64>(), any::<u64>())
        .prop_map(|(low, high)| v1::Uuid {
            low: Some(low),
            high: Some(high),
        })
        .boxed()
}

fn request() -> BoxedStrategy<v1::HttpStartStop> {
    let numbers = (any::<i64>(), any::<i64>(), any::<i32>(), any::<i64>());
    let instance = (option::of(any::<i32>()), option::of(text()));
    // A line end in an address would part it in two.
    let forwarded = vec("[a-z.]{0,5}".prop_map(Bytes::from), 0..3);
    let texts = (text(), text(), text());
    (
        numbers,
        texts,
        1..3,
        1..45,
        uuid(),
        option::of(uuid()),
        instance,
        forwarded,
    )
        .prop_map(
            |(numbers, texts, peer, method, id, app, instance, forwarded)| v1::HttpStartStop {
                start_timestamp: Some(numbers.0),
                stop_timestamp: Some(numbers.1),
                request_id: Some(id),
                peer_type: Some(peer),
                method: Some(method),
                uri: Some(texts.0),
                remote_address: Some(texts.1),
                user_agent: Some(texts.2),
                status_code: Some(numbers.2),
                content_length: Some(numbers.3),
                application_id: app,
                instance_index: instance.0,
                instance_id: instance.1,
                forwarded,
            },
        )
        .boxed()
}

fn log() -> BoxedStrategy<v1::LogMessage> {
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    (vec(any::<u8>(), 0..40), 1..3, any::<i64>(), texts)
        .prop_map(|(message, message_type, timestamp, texts)| v1::LogMessage {
            message: Some(message.into()),
            message_type: Some(message_type),
            timestamp: Some(timestamp),
            app_id: texts.0,
            source_type: texts.1,
            source_instance: texts.2,
        })
        .boxed()
}

/// Doubles hold whole numbers up to here.
const EXACT: std::ops::Range<u64> = 0..1 << 53;

fn container() -> BoxedStrategy<v1::ContainerMetric> {
    let quotas = (option::of(EXACT), option::of(EXACT));
    (text(), any::<i32>(), double(), EXACT, EXACT, quotas)
        .prop_map(
            |(app, index, cpu, memory, disk, quotas)| v1::ContainerMetric {
                application_id: Some(app),
                instance_index: Some(index),
                cpu_percentage: Some(cpu),
                memory_bytes: Some(memory),
                disk_bytes: Some(disk),
                memory_bytes_quota: quotas.0,
                disk_bytes_quota: quotas.1,
            },
        )
        .boxed()
}

/// An envelope that carries just the payload that its type names.
fn payload() -> BoxedStrategy<v1::Envelope> {
    let empty = |event_type| v1::Envelope {
        event_type: Some(event_type),
        ..Default::default()
    };
    prop_oneof![
        request().prop_map(move |h| v1::Envelope {
            http_start_stop: Some(h),
            ..empty(4)
        }),
        log().prop_map(move |log| v1::Envelope {
            log_message: Some(log),
            ..empty(5)
        }),
        (text(), double(), text()).prop_map(move |(name, value, unit)| {
            let (name, value, unit) = (Some(name), Some(value), Some(unit));
            v1::Envelope {
                value_metric: Some(v1::ValueMetric { name, value, unit }),
                ..empty(6)
            }
        }),
        (text(), any::<u64>(), option::of(any::<u64>())).prop_map(move |(name, delta, total)| {
            let (name, delta) = (Some(name), Some(delta));
            v1::Envelope {
                counter_event: Some(v1::CounterEvent { name, delta, total }),
                ..empty(7)
            }
        }),
        (text(), any::<i32>(), text()).prop_map(move |(source, code, message)| {
            let (source, code, message) = (Some(source), Some(code), Some(message));
            v1::Envelope {
                error: Some(v1::Error {
                    source,
                    code,
                    message,
                }),
                ..empty(8)
            }
        }),
        container().prop_map(move |metric| v1::Envelope {
            container_metric: Some(metric),
            ..empty(9)
        }),
    ]
    .boxed()
}

prop_compose! {
    /// A V1 envelope whose strings are UTF-8 and whose tags have names of their own.
    pub(crate) fn v1_envelope()(
        payload in payload(),
        origin in text(),
        timestamp in option::of(any::<i64>()),
        fields in (option::of(text()), option::of(text()), option::of(text()), option::of(text())),
        tags in btree_map(tag_name(), text(), 0..4),
        source_id in option::of(text()),
    ) -> v1::Envelope {
        let (deployment, job, index, ip) = fields;
        let named = source_id.map(|value| (Bytes::from_static(b"source_id"), value));
        let tags = tags.into_iter().map(|(name, value)| (Bytes::from(name), value)).chain(named);
        let tags = tags.map(|(key, value)| v1::Tag { key: Some(key), value: Some(value) }).collect();
        let origin = Some(origin);
        v1::Envelope { origin, timestamp, deployment, job, index, ip, tags, ..payload }
    }
}

/// Any double but negative zero, which prost does not encode.
fn double() -> BoxedStrategy<f64> {
    any::<f64>()
        .prop_map(|number| if number == 0.0 { 0.0 } else { number })
        .boxed()
}

fn string() -> BoxedStrategy<String> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,6}"].boxed()
}

fn message() -> BoxedStrategy<Message> {
    let metric = prop_oneof![
        string(),
        prop::sample::select(vec!["cpu", "memory", "disk", "memory_quota", "disk_quota"])
            .prop_map(str::to_owned),
    ];
    let metrics = btree_map(metric, (string(), double()), 0..9);
    prop_oneof![
        (vec(any::<u8>(), 0..40), -2..3i32).prop_map(|(payload, r#type)| Message::Log(v2::Log {
            payload: payload.into(),
            r#type
        })),
        (string(), any::<u64>(), any::<u64>())
            .prop_map(|(name, delta, total)| Message::Counter(v2::Counter { name, delta, total })),
        metrics.prop_map(|metrics| {
            let value = |(name, (unit, value))| (name, v2::GaugeValue { unit, value });
            Message::Gauge(v2::Gauge {
                metrics: metrics.into_iter().map(value).collect(),
            })
        }),
        (string(), any::<i64>(), any::<i64>())
            .prop_map(|(name, start, stop)| Message::Timer(v2::Timer { name, start, stop })),
        (string(), string()).prop_map(|(title, body)| Message::Event(v2::Event { title, body })),
    ]
    .boxed()
}

/// A tag that means something to the conversion, or nothing.
fn tag() -> BoxedStrategy<(String, String)> {
    let names = vec![
        "request_id",
        "method",
        "peer_type",
        "__v1_type",
        "job",
        "source_id",
        "code",
    ];
    let name = prop_oneof![
        string(),
        prop::sample::select(names).prop_map(str::to_owned)
    ];
    let value = prop_oneof![
        string(),
        Just("f47ac10b-58cc-4372-a567-0e02b2c3d479".to_owned()),
        Just("Error".to_owned()),
    ];
    (name, value).boxed()
}

prop_compose! {
    /// A V2 envelope of any kind.
    pub(crate) fn v2_envelope()(
        timestamp in any::<i64>(),
        source_id in string(),
        instance_id in string(),
        tags in vec(tag(), 0..6),
        typed in vec((tag(), any::<Option<i64>>()), 0..3),
        message in option::weighted(0.95, message()),
    ) -> v2::Envelope {
        let value = |((name, text), number): ((String, String), Option<i64>)| {
            let data = Some(number.map_or(Data::Text(text), Data::Integer));
            (name, v2::Value { data })
        };
        let tags = tags.into_iter().collect();
        let deprecated_tags = typed.into_iter().map(value).collect();
        v2::Envelope { timestamp, source_id, instance_id, deprecated_tags, tags, message }
    }
}
