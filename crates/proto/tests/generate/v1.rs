//! V1 envelopes, any field of which may be missing, and bytes that are nearly envelopes.

use bytes::Bytes;
use logweir_proto::v1;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

/// There nearly always, or nearly all envelopes would lack something.
fn often<T: std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    option::weighted(0.97, strategy).boxed()
}

/// Short, of few names so that tags collide, and sometimes not UTF-8.
pub(crate) fn text() -> BoxedStrategy<Bytes> {
    prop_oneof![
        4 => "[a-c]{0,2}".prop_map(Bytes::from),
        2 => Just(Bytes::from_static(b"source_id")),
        1 => Just(Bytes::from_static(b"instance_id")),
        2 => vec(any::<u8>(), 0..140).prop_map(Bytes::from),
    ]
    .boxed()
}

prop_compose! {
    fn uuid()(low in often(any::<u64>()), high in often(any::<u64>())) -> v1::Uuid {
        v1::Uuid { low, high }
    }
}

prop_compose! {
    fn request()(
        times in (often(any::<i64>()), often(any::<i64>())),
        request_id in often(uuid().boxed()),
        enums in (often(-1..3), often(0..50)),
        texts in (often(text()), often(text()), often(text())),
        numbers in (often(any::<i32>()), often(any::<i64>())),
        application_id in option::of(uuid().boxed()),
        instance in (option::of(any::<i32>()), option::of(text())),
        forwarded in vec(text(), 0..3),
    ) -> v1::HttpStartStop {
        v1::HttpStartStop {
            start_timestamp: times.0,
            stop_timestamp: times.1,
            request_id,
            peer_type: enums.0,
            method: enums.1,
            uri: texts.0,
            remote_address: texts.1,
            user_agent: texts.2,
            status_code: numbers.0,
            content_length: numbers.1,
            application_id,
            instance_index: instance.0,
            instance_id: instance.1,
            forwarded,
        }
    }
}

prop_compose! {
    fn log()(
        message in often(text()),
        message_type in often(0..4),
        timestamp in often(any::<i64>()),
        texts in (option::of(text()), option::of(text()), option::of(text())),
    ) -> v1::LogMessage {
        let (app_id, source_type, source_instance) = texts;
        v1::LogMessage { message, message_type, timestamp, app_id, source_type, source_instance }
    }
}

prop_compose! {
    fn container()(
        application_id in often(text()),
        instance_index in often(any::<i32>()),
        cpu_percentage in often(any::<f64>()),
        bytes in (often(any::<u64>()), often(any::<u64>())),
        quotas in (option::of(any::<u64>()), option::of(any::<u64>())),
    ) -> v1::ContainerMetric {
        v1::ContainerMetric {
            application_id,
            instance_index,
            cpu_percentage,
            memory_bytes: bytes.0,
            disk_bytes: bytes.1,
            memory_bytes_quota: quotas.0,
            disk_bytes_quota: quotas.1,
        }
    }
}

prop_compose! {
    /// The payload of each type, at random.
    fn payloads()(
        http_start_stop in option::weighted(0.3, request().boxed()),
        log_message in option::weighted(0.4, log().boxed()),
        value_metric in option::weighted(0.3, (often(text()), often(any::<f64>()), often(text()))),
        counter_event in option::weighted(
            0.4,
            (often(text()), often(any::<u64>()), option::of(any::<u64>())),
        ),
        error in option::weighted(0.3, (often(text()), often(any::<i32>()), often(text()))),
        container_metric in option::weighted(0.3, container().boxed()),
    ) -> v1::Envelope {
        v1::Envelope {
            http_start_stop,
            log_message,
            value_metric: value_metric
                .map(|(name, value, unit)| v1::ValueMetric { name, value, unit }),
            counter_event: counter_event
                .map(|(name, delta, total)| v1::CounterEvent { name, delta, total }),
            error: error.map(|(source, code, message)| v1::Error { source, code, message }),
            container_metric,
            ..Default::default()
        }
    }
}

prop_compose! {
    fn envelope()(
        payloads in payloads().boxed(),
        origin in often(text()),
        event_type in often(prop_oneof![6 => 4..10, 1 => any::<i32>()]),
        timestamp in option::of(any::<i64>()),
        fields in (
            option::of(text()),
            option::of(text()),
            option::of(text()),
            option::of(text()),
        ),
        tags in vec((option::weighted(0.9, text()), option::weighted(0.9, text())), 0..4),
    ) -> v1::Envelope {
        let (deployment, job, index, ip) = fields;
        let tags = tags.into_iter().map(|(key, value)| v1::Tag { key, value }).collect();
        let rest = payloads;
        v1::Envelope { origin, event_type, timestamp, deployment, job, index, ip, tags, ..rest }
    }
}

/// Bytes of an envelope as another encoder may write them: parts of it one after
/// another, with unknown fields between.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let unknown = prop_oneof![
        3 => Just(vec![]),
        1 => Just(b"\xf8\x06\x01".to_vec()),
        1 => Just(b"\xa3\x06\x08\x01\x0d\x01\x02\x03\x04\xa4\x06".to_vec()),
    ];
    vec((envelope().boxed(), unknown), 1..3).prop_map(|parts| {
        let parts = parts.into_iter();
        parts
            .flat_map(|(e, unknown)| [e.encode_to_vec(), unknown].concat())
            .collect()
    })
}

/// Bytes that are often nearly an envelope and sometimes one.
pub(crate) fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let mutated =
        (bytes(), vec(change, 1..4), any::<bool>()).prop_map(|(mut bytes, changes, cut)| {
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
    prop_oneof![bytes(), mutated, vec(any::<u8>(), 0..40)]
}
