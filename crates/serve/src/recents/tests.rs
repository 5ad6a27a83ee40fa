#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use std::collections::BTreeMap;

use bytes::BytesMut;
use logweir_proto::{
    frames::push_frame,
    v1,
    v2::{self, envelope::Message as Body},
};
use logweir_route::{ExchangeLimits, QueueLimits};
use prost::Message;

use super::*;
use crate::conversion::CONVERTER;

fn exchange() -> Arc<Exchange> {
    let queue = QueueLimits {
        bytes: 16 << 20,
        envelopes: 65_536,
        frame: 1 << 20,
    };
    let limits = ExchangeLimits {
        queue,
        total_bytes: 64 << 20,
    };
    Exchange::of_both(limits, CONVERTER)
}

fn envelope(source: &str, timestamp: i64, message: Body) -> v2::Envelope {
    v2::Envelope {
        timestamp,
        source_id: source.into(),
        message: Some(message),
        ..v2::Envelope::default()
    }
}

fn log(source: &str, timestamp: i64, text: &str) -> v2::Envelope {
    let log = v2::Log {
        payload: text.to_owned().into(),
        ..v2::Log::default()
    };
    envelope(source, timestamp, Body::Log(log))
}

fn gauge(metrics: &[(&str, &str, f64)]) -> v2::Envelope {
    let metrics = metrics.iter().map(|(name, unit, value)| {
        let value = v2::GaugeValue {
            unit: (*unit).into(),
            value: *value,
        };
        ((*name).to_owned(), value)
    });
    let gauge = v2::Gauge {
        metrics: metrics.collect::<BTreeMap<_, _>>(),
    };
    envelope("app", unix_nanos(), Body::Gauge(gauge))
}

const FIVE: [(&str, &str, f64); 5] = [
    ("cpu", "percentage", 1.0),
    ("memory", "bytes", 2.0),
    ("disk", "bytes", 3.0),
    ("memory_quota", "bytes", 4.0),
    ("disk_quota", "bytes", 0.0),
];

fn batch(envelopes: &[v2::Envelope]) -> Bytes {
    let mut out = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut out, &envelope.encode_to_vec());
    }
    out.freeze()
}

fn texts(envelopes: &[Bytes]) -> Vec<String> {
    let text = |envelope: &Bytes| {
        let envelope = v1::Envelope::decode(envelope.clone()).unwrap();
        let message = envelope.log_message.unwrap().message.unwrap();
        String::from_utf8(message.to_vec()).unwrap()
    };
    envelopes.iter().map(text).collect()
}

#[test]
fn answers_hold_all_that_was_published_before_the_call() {
    let exchange = exchange();
    let registry = Registry::new();
    let recents = Recents::start(&exchange, &RecentConfig::default(), &registry).unwrap();
    let mut publisher = exchange.publisher();
    for number in 0..500 {
        publisher.publish(&batch(&[log("app", number, &format!("line {number}"))]));
        let latest = recents.logs("app", 1);
        assert_eq!(texts(&latest), [format!("line {number}")]);
    }
    let all = texts(&recents.logs("app", usize::MAX));
    assert_eq!(all.len(), 100);
    assert_eq!((&*all[0], &*all[99]), ("line 400", "line 499"));
    assert!(exchange.stats().queues.balanced());
    assert_eq!(exchange.stats().queues.offered, 0, "in no books");
}

#[test]
fn the_latest_lines_are_kept_however_many_come_at_once() {
    let exchange = exchange();
    let registry = Registry::new();
    let recents = Recents::start(&exchange, &RecentConfig::default(), &registry).unwrap();
    let mut publisher = exchange.publisher();
    for round in 0..20_i64 {
        let lines: Vec<_> = (0..60_i64)
            .map(|number| {
                log(
                    "noisy",
                    round * 60 + number,
                    &format!("{}", round * 60 + number),
                )
            })
            .chain([log("quiet", round, &format!("quiet {round}"))])
            .collect();
        publisher.publish(&batch(&lines));
    }
    let expected: Vec<_> = (1100..1200).map(|number| number.to_string()).collect();
    assert_eq!(texts(&recents.logs("noisy", usize::MAX)), expected);
    assert_eq!(recents.logs("quiet", usize::MAX).len(), 20);
}

#[test]
fn only_containers_are_remembered_of_gauges() {
    let exchange = exchange();
    let registry = Registry::new();
    let recents = Recents::start(&exchange, &RecentConfig::default(), &registry).unwrap();
    let mut publisher = exchange.publisher();
    publisher.publish(&batch(&[gauge(&FIVE)]));
    assert_eq!(recents.container_metrics("app").len(), 1);
    // What is no container does not take a container's place.
    let mut unit_less = FIVE;
    unit_less[4].1 = "";
    publisher.publish(&batch(&[gauge(&unit_less), gauge(&FIVE[..4]), gauge(&[])]));
    let all = recents.container_metrics("app");
    assert_eq!(all.len(), 1);
    let one = v1::Envelope::decode(all[0].clone()).unwrap();
    assert_eq!(one.container_metric.unwrap().memory_bytes, Some(2));
    let mut third = FIVE.to_vec();
    third.push(("instance_index", "", 3.0));
    publisher.publish(&batch(&[gauge(&third)]));
    let indices: Vec<_> = recents
        .container_metrics("app")
        .into_iter()
        .map(|one| v1::Envelope::decode(one).unwrap().container_metric.unwrap())
        .map(|one| one.instance_index)
        .collect();
    assert_eq!(indices, [Some(0), Some(3)]);
}

#[test]
fn nothing_is_remembered_with_no_room() {
    let config = RecentConfig {
        bytes: 0,
        ..RecentConfig::default()
    };
    assert!(Recents::start(&exchange(), &config, &Registry::new()).is_none());
}

#[test]
fn all_that_is_published_is_there_for_a_log_cache() {
    let exchange = exchange();
    let store = Arc::new(Store::new(StoreLimits {
        bytes: 1 << 20,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    }));
    let recents = Recents::fill(&exchange, Arc::clone(&store), &RecentConfig::default());
    let counter = v2::Counter {
        name: "requests".into(),
        ..v2::Counter::default()
    };
    let nothing = v2::Envelope {
        source_id: "app".into(),
        ..v2::Envelope::default()
    };
    let all = [
        log("app", 1, "a line"),
        gauge(&FIVE),
        envelope("app", 2, Body::Counter(counter)),
        envelope("app", 3, Body::Timer(v2::Timer::default())),
        envelope("app", 4, Body::Event(v2::Event::default())),
        nothing,
    ];
    exchange.publisher().publish(&batch(&all));
    for types in [
        Types::LOG,
        Types::COUNTER,
        Types::GAUGE,
        Types::TIMER,
        Types::EVENT,
        Types::OTHER,
    ] {
        let query = Query {
            types,
            ..Query::all("app")
        };
        assert_eq!(store.read(&query).envelopes.len(), 1, "{types:?}");
    }
    assert_eq!(texts(&recents.logs("app", 5)), ["a line"]);
    assert_eq!(recents.container_metrics("app").len(), 1);
}
