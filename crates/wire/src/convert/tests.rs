//! The protocol page's checklist, by number where it has one.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use logweir_proto::v1;
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

use super::*;
use crate::dropsonde::{self, Defaults};

fn to_v2(payload: &[u8]) -> v2::Envelope {
    let mut out = BytesMut::new();
    v1_to_v2(payload, &mut out).unwrap();
    v2::Envelope::decode(out).unwrap()
}

fn to_v1_with(envelope: &v2::Envelope, options: ToV1) -> (Vec<v1::Envelope>, Option<NoV1>) {
    let mut all = Vec::new();
    let bytes = envelope.encode_to_vec();
    let none = v2_to_v1(&bytes, &options, &mut |one| {
        all.push(v1::Envelope::decode(one).unwrap());
    });
    (all, none.unwrap())
}

fn to_v1(envelope: &v2::Envelope) -> (Vec<v1::Envelope>, Option<NoV1>) {
    to_v1_with(envelope, ToV1::default())
}

fn v2_envelope(message: Message, tags: &[(&str, &str)]) -> v2::Envelope {
    let tags = tags
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    v2::Envelope {
        source_id: "app".into(),
        instance_id: "3".into(),
        tags: tags.collect(),
        message: Some(message),
        ..Default::default()
    }
}

fn gauge(metrics: &[(&str, &str, f64)]) -> Message {
    let metric = |(name, unit, value): &(&str, &str, f64)| {
        let unit = (*unit).to_owned();
        (
            (*name).to_owned(),
            v2::GaugeValue {
                unit,
                value: *value,
            },
        )
    };
    Message::Gauge(v2::Gauge {
        metrics: metrics.iter().map(metric).collect(),
    })
}

const CONTAINER: [(&str, &str, f64); 5] = [
    ("cpu", "percentage", 1.5),
    ("memory", "bytes", 2.0),
    ("disk", "bytes", 3.0),
    ("memory_quota", "bytes", 4.0),
    ("disk_quota", "bytes", 0.0),
];

#[test]
fn item_2_without_a_source_id_it_is_the_origin_by_udp_and_the_job_by_pusher() {
    let counter = b"\x0a\x03dea\x10\x07\x52\x08\x0a\x04reqs\x10\x03\x6a\x01d\x72\x01j";
    assert_eq!(to_v2(counter).source_id, "d/j");
    let mut tagged = BytesMut::new();
    let peek = dropsonde::check(counter).unwrap();
    dropsonde::tag(
        counter,
        &peek,
        &Defaults::new("", "", "", ""),
        None,
        &mut tagged,
    );
    assert_eq!(to_v2(&tagged).source_id, "dea");
}

#[test]
fn item_5_a_metric_without_unit_and_value_makes_no_container() {
    let (all, _) = to_v1(&v2_envelope(gauge(&CONTAINER), &[]));
    let [one] = &all[..] else { panic!("{all:?}") };
    let container = one.container_metric.as_ref().unwrap();
    assert_eq!(
        (container.instance_index(), container.memory_bytes()),
        (3, 2)
    );
    assert_eq!(container.disk_bytes_quota, Some(0));

    let mut metrics = CONTAINER;
    metrics[4].1 = "";
    let (all, _) = to_v1(&v2_envelope(gauge(&metrics), &[]));
    let names: Vec<_> = all
        .iter()
        .map(|e| e.value_metric.as_ref().unwrap().name())
        .collect();
    assert_eq!(
        names,
        [
            &b"cpu"[..],
            b"disk",
            b"disk_quota",
            b"memory",
            b"memory_quota"
        ]
    );
}

#[test]
fn a_containers_other_metrics_follow_it_unless_turned_off() {
    let more = [("container_age", "ns", 7.0), ("absolute_usage", "ns", 8.0)];
    let index = [("instance_index", "", 9.0)];
    let metrics = [&CONTAINER[..], &more, &index].concat();
    let envelope = v2_envelope(gauge(&metrics), &[]);
    let (all, none) = to_v1(&envelope);
    assert_eq!(none, None);
    assert_eq!(
        all[0].container_metric.as_ref().unwrap().instance_index(),
        9
    );
    let names = all[1..]
        .iter()
        .map(|e| e.value_metric.as_ref().unwrap().name());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [&b"absolute_usage"[..], b"container_age"]
    );
    let (all, none) = to_v1_with(
        &envelope,
        ToV1 {
            surplus_metrics: false,
        },
    );
    assert_eq!((all.len(), none), (1, None));
}

#[test]
fn item_6_a_timer_needs_a_request_id_and_has_one_forwarded_element() {
    let timer = || {
        Message::Timer(v2::Timer {
            name: "t".into(),
            start: 1,
            stop: 2,
        })
    };
    let (all, none) = to_v1(&v2_envelope(timer(), &[("request_id", "x")]));
    assert_eq!((all.len(), none), (0, Some(NoV1::TimerWithoutRequestId)));
    let id = [("request_id", "f47ac10b-58cc-4372-a567-0e02b2c3d479")];
    let (all, _) = to_v1(&v2_envelope(timer(), &id));
    let request = all[0].http_start_stop.as_ref().unwrap();
    assert_eq!(request.forwarded, [Bytes::new()]);
    assert_eq!(
        (request.method(), request.peer_type()),
        (v1::Method::Get, v1::PeerType::Server)
    );
    assert_eq!(request.application_id, None);
}

#[test]
fn item_7_a_value_metric_keeps_the_tag_of_its_instance_and_a_counter_does_not() {
    let tag = b"\x8a\x01\x10\x0a\x0binstance_id\x12\x012";
    let value = b"\x0a\x01o\x10\x06\x4a\x0e\x0a\x01n\x11\0\0\0\0\0\0\0\0\x1a\x00";
    let metric = to_v2(&[&value[..], tag].concat());
    assert_eq!(
        (
            metric.instance_id.as_str(),
            metric.tags.contains_key("instance_id")
        ),
        ("2", true)
    );
    let counter = to_v2(&[&b"\x0a\x01o\x10\x07\x52\x05\x0a\x01n\x10\x01"[..], tag].concat());
    assert_eq!(
        (
            counter.instance_id.as_str(),
            counter.tags.get("instance_id")
        ),
        ("2", None)
    );
}

#[test]
fn item_18_a_tag_that_is_not_utf8_is_mended() {
    let log =
        b"\x0a\x01o\x10\x05\x42\x06\x0a\x00\x10\x01\x18\x00\x8a\x01\x07\x0a\x01k\x12\x02\xff\xfe";
    assert_eq!(to_v2(log).tags["k"], "\u{fffd}\u{fffd}");
}

#[test]
fn what_v1_does_not_know_has_a_reason() {
    let event = Message::Event(v2::Event::default());
    assert_eq!(to_v1(&v2_envelope(event, &[])).1, Some(NoV1::Event));
    assert_eq!(
        to_v1(&v2_envelope(gauge(&[]), &[])).1,
        Some(NoV1::EmptyGauge)
    );
    assert_eq!(to_v1(&v2::Envelope::default()).1, Some(NoV1::NoMessage));
    assert!(v2_to_v1(b"\x08", &ToV1::default(), &mut |_| panic!("sent")).is_err());
    let mut out = BytesMut::new();
    assert!(v1_to_v2(b"", &mut out).is_err() && out.is_empty());
}

#[test]
fn a_payload_in_parts_is_one_payload() {
    let log = b"\x0a\x01o\x10\x05\x42\x03\x0a\x01x\x42\x07\x10\x02\x18\x00\x22\x01a\x0a";
    let log = &log[..log.len() - 1];
    let envelope = to_v2(log);
    assert_eq!(envelope.source_id, "a");
    let expected = v2::Log {
        payload: Bytes::from_static(b"x"),
        r#type: 1,
    };
    assert_eq!(envelope.message, Some(Message::Log(expected)));

    let halves = [&b"\x22\x03\x0a\x01x"[..], b"\x22\x02\x10\x01"].concat();
    let mut all = Vec::new();
    let mut keep = |one: &[u8]| all.push(v1::Envelope::decode(one).unwrap());
    assert_eq!(v2_to_v1(&halves, &ToV1::default(), &mut keep), Ok(None));
    let log = all[0].log_message.as_ref().unwrap();
    assert_eq!((log.message(), log.message_type), (&b"x"[..], Some(2)));
}

#[test]
fn an_event_type_that_is_not_known_leaves_its_tags() {
    let unknown = to_v2(b"\x0a\x01o\x10\x63\x8a\x01\x06\x0a\x01k\x12\x01v");
    assert_eq!(unknown.message, None);
    let expected: BTreeMap<_, _> = [
        ("__v1_type", "99"),
        ("deployment", ""),
        ("index", ""),
        ("ip", ""),
        ("job", ""),
        ("k", "v"),
        ("origin", "o"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(unknown.tags, expected);
}
