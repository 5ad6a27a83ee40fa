//! What goes to the other generation and back comes back, but for what is documented.

#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use logweir_proto::peek::peek;
use logweir_proto::v1::{self, Method, PeerType};
use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::convert::{NoV1, ToV1, v1_to_v2, v2_to_v1};
use logweir_wire::dropsonde;
use proptest::prelude::*;
use prost::Message as _;

mod generate;

fn to_v2(payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    v1_to_v2(payload, &mut out).unwrap();
    out
}

/// The V1 envelopes, each whole and legal, with their tags in order.
fn to_v1(envelope: &[u8]) -> (Vec<v1::Envelope>, Option<NoV1>) {
    let mut all = Vec::new();
    let none = v2_to_v1(envelope, &ToV1::default(), &mut |bytes| {
        dropsonde::check(bytes).unwrap();
        let mut envelope = v1::Envelope::decode(bytes).unwrap();
        envelope.tags.sort_by(|a, b| a.key.cmp(&b.key));
        all.push(envelope);
    });
    (all, none.unwrap())
}

fn or_empty(text: &mut Option<Bytes>) {
    text.get_or_insert_default();
}

fn tags(envelope: &v1::Envelope) -> BTreeMap<Bytes, Bytes> {
    let tags = envelope.tags.iter();
    tags.map(|tag| (tag.key.clone().unwrap(), tag.value.clone().unwrap()))
        .collect()
}

/// What comes back of a V1 envelope: absent texts are empty ones, numbers 0, and the
/// source id is a tag.
fn after_v2(mut e: v1::Envelope) -> v1::Envelope {
    let timestamp = e.timestamp();
    let dep_job = [e.deployment(), e.job()].join(&b'/');
    let mut tags = tags(&e);
    let mut source_id = tags.remove(&b"source_id"[..]).unwrap_or(dep_job.into());
    e.timestamp = Some(timestamp);
    for field in [&mut e.deployment, &mut e.job, &mut e.index, &mut e.ip] {
        or_empty(field);
    }
    if let Some(log) = &mut e.log_message {
        log.timestamp = Some(timestamp);
        if log.app_id().is_empty() {
            log.app_id = Some(source_id);
        }
        source_id = log.app_id.clone().unwrap();
        or_empty(&mut log.source_type);
        or_empty(&mut log.source_instance);
    }
    if let Some(counter) = &mut e.counter_event {
        counter.total.get_or_insert_default();
    }
    if let Some(container) = &mut e.container_metric {
        if container.application_id().is_empty() {
            container.application_id = Some(source_id);
        }
        source_id = container.application_id.clone().unwrap();
        container.memory_bytes_quota.get_or_insert_default();
        container.disk_bytes_quota.get_or_insert_default();
    }
    if let Some(request) = &mut e.http_start_stop {
        match &request.application_id {
            Some(app) => {
                source_id = logweir_proto::uuid::to_string(app.low(), app.high()).into();
            }
            None => request.application_id = uuid(&source_id),
        }
        request.instance_index.get_or_insert_default();
        or_empty(&mut request.instance_id);
        if request.forwarded.is_empty() {
            request.forwarded.push(Bytes::new());
        }
    }
    if !source_id.is_empty() {
        tags.insert(Bytes::from_static(b"source_id"), source_id);
    }
    let tags = tags.into_iter();
    e.tags = tags
        .map(|(key, value)| v1::Tag {
            key: Some(key),
            value: Some(value),
        })
        .collect();
    e
}

fn uuid(text: &[u8]) -> Option<v1::Uuid> {
    let (low, high) = logweir_proto::uuid::parse(text)?;
    Some(v1::Uuid {
        low: Some(low),
        high: Some(high),
    })
}

/// By text: NaN is not equal to itself.
fn text(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn v1_comes_back_from_v2(envelope in generate::v1_envelope()) {
        let there = to_v2(&envelope.encode_to_vec());
        prop_assert!(peek(&there).is_ok());
        let (back, none) = to_v1(&there);
        prop_assert_eq!(none, None);
        prop_assert_eq!(text(&back), text(&[after_v2(envelope)]));
    }

    #[test]
    fn v2_comes_back_from_v1(mut envelope in generate::v2_envelope()) {
        // Without one, deployment and job take its place.
        envelope.source_id.push('s');
        // The deprecated form does not come back, nor does an Error's.
        envelope.deprecated_tags.clear();
        envelope.tags.remove("__v1_type");
        let (there, none) = to_v1(&envelope.encode_to_vec());
        let [only] = &there[..] else {
            // Events and the like, and gauges of several metrics.
            let gauge = matches!(envelope.message, Some(Message::Gauge(_)));
            prop_assert!(none.is_some() || gauge);
            return Ok(());
        };
        let back = v2::Envelope::decode(to_v2(&only.encode_to_vec())).unwrap();
        prop_assert_eq!(back.timestamp, envelope.timestamp);
        prop_assert_eq!(&back.source_id, &envelope.source_id);
        // The instance of a container or request must be a number.
        if only.http_start_stop.is_none() && only.container_metric.is_none() {
            // A tag of that name becomes the instance id where there is none.
            if !envelope.instance_id.is_empty() || !envelope.tags.contains_key("instance_id") {
                prop_assert_eq!(&back.instance_id, &envelope.instance_id);
            }
        }
        match (envelope.message.unwrap(), back.message.unwrap()) {
            // Only OUT and ERR are types on V1.
            (Message::Log(came), Message::Log(back)) => {
                prop_assert_eq!(back.payload, came.payload);
                prop_assert_eq!(back.r#type == 0, came.r#type == 0);
            }
            // The name is lost.
            (Message::Timer(came), Message::Timer(back)) => {
                prop_assert_eq!((back.start, back.stop), (came.start, came.stop));
                prop_assert_eq!(back.name, "http");
            }
            (Message::Gauge(came), Message::Gauge(back)) if only.value_metric.is_some() => {
                prop_assert_eq!(text(&back), text(&came));
            }
            (Message::Gauge(_), Message::Gauge(back)) => prop_assert_eq!(back.metrics.len(), 5),
            (came, back) => prop_assert_eq!(came, back),
        }
        for (name, value) in envelope.tags.iter().filter(|(name, _)| !is_retold(name)) {
            prop_assert_eq!(back.tags.get(name), Some(value), "{}", name);
        }
    }

    #[test]
    fn all_that_becomes_v1_is_legal(envelope in generate::v2_envelope()) {
        let bytes = envelope.encode_to_vec();
        let (all, none) = to_v1(&bytes);
        prop_assert_eq!(all.is_empty(), none.is_some());
        let metrics: Vec<_> = all.iter().filter_map(|e| e.value_metric.as_ref()).collect();
        prop_assert!(metrics.is_sorted_by_key(|metric| metric.name()));
        for request in all.iter().filter_map(|e| e.http_start_stop.as_ref()) {
            prop_assert!(Method::try_from(request.method.unwrap()).is_ok());
            prop_assert!(PeerType::try_from(request.peer_type.unwrap()).is_ok());
        }
        // Nothing of a gauge is lost.
        if let Some(Message::Gauge(gauge)) = &envelope.message {
            let containers = all.len() - metrics.len();
            prop_assert_eq!(gauge.metrics.len(), metrics.len() + 5 * containers);
        }
    }
}

/// Tags that say what fields of V1 say, in the fields' own way.
fn is_retold(name: &str) -> bool {
    matches!(
        name,
        "request_id" | "method" | "peer_type" | "source_id" | "instance_id"
    )
}
