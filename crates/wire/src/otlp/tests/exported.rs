//! What envelopes become (spec agents-and-drains §1.3).

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

use crate::otlp::{
    attributes::{attribute, text},
    export::{Item, LeftOut, item, logs, metrics, spans},
    messages::{Data, KeyValue, LogRecord, Metric, Number, Request, Span, Value},
};

fn envelope(message: Message, tags: &[(&str, &str)]) -> v2::Envelope {
    let tags = tags.iter();
    let tags = tags.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    v2::Envelope {
        timestamp: 7,
        source_id: "app".into(),
        instance_id: "1".into(),
        tags: tags.collect(),
        message: Some(message),
        ..v2::Envelope::default()
    }
}

fn log(payload: &'static [u8], r#type: i32) -> Message {
    Message::Log(v2::Log {
        payload: payload.into(),
        r#type,
    })
}

/// What every signal has: the fields first, then the tags but five.
fn own(more: &[(&str, &str)]) -> Vec<KeyValue> {
    let own = [("instance_id", "1"), ("source_id", "app")];
    let all = own.iter().chain(more);
    all.map(|(key, value)| attribute(key, value)).collect()
}

#[test]
fn logs_have_severity_body_and_attributes() {
    let tags = [("__v1_type", "LogMessage"), ("a", "b"), ("source_id", "x")];
    let severities = [
        (0, 9, "SEVERITY_NUMBER_INFO"),
        (1, 17, "SEVERITY_NUMBER_ERROR"),
        (2, 0, "SEVERITY_NUMBER_UNSPECIFIED"),
    ];
    for (r#type, number, words) in severities {
        let Ok(Item::Log(record)) = item(envelope(log(b"hi\xff", r#type), &tags), 8) else {
            panic!("no log record")
        };
        assert_eq!(
            (record.time_unix_nano, record.observed_time_unix_nano),
            (7, 8)
        );
        assert_eq!(
            (record.severity_number, &record.severity_text[..]),
            (number, words.as_bytes())
        );
        assert_eq!(text(record.body), "hi\u{fffd}");
        assert_eq!(record.attributes, own(&[("a", "b")]));
        assert!(record.trace_id.is_empty() && record.span_id.is_empty());
    }
    let ids = [
        ("trace_id", "5b8efff798038103d269b633813fc60c"),
        ("span_id", "short"),
    ];
    let Ok(Item::Log(record)) = item(envelope(log(b"", 0), &ids), 8) else {
        panic!("no log record")
    };
    assert_eq!(record.trace_id[..2], [0x5b, 0x8e]);
    assert!(record.span_id.is_empty());
    assert_eq!(record.attributes, own(&[]));

    let event = v2::Event {
        title: "t".into(),
        body: "b".into(),
    };
    let Ok(Item::Log(record)) = item(envelope(Message::Event(event), &[]), 8) else {
        panic!("no log record")
    };
    assert_eq!((record.severity_number, record.severity_text.len()), (0, 0));
    let Some(Value::KeyValues(list)) = record.body.unwrap().value else {
        panic!("no list")
    };
    assert_eq!(
        list.values,
        [attribute("title", "t"), attribute("body", "b")]
    );
}

#[test]
fn counters_and_gauges_are_metrics() {
    let counter = v2::Counter {
        name: "requests".into(),
        delta: 3,
        total: (1 << 63) + 5,
    };
    let Ok(Item::Metrics(found)) = item(envelope(Message::Counter(counter), &[("k", "v")]), 8)
    else {
        panic!("no metrics")
    };
    let [
        Metric {
            name,
            unit,
            data: Some(Data::Sum(sum)),
        },
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((&name[..], unit.len()), (&b"requests"[..], 0));
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (2, true));
    let [point] = &sum.data_points[..] else {
        panic!("{sum:?}")
    };
    assert_eq!(
        (point.time_unix_nano, point.value),
        (7, Some(Number::Int(5)))
    );
    assert_eq!(point.attributes, own(&[("k", "v")]));

    let value = |value| v2::GaugeValue {
        unit: "bytes".into(),
        value,
    };
    let gauge = |metrics| Message::Gauge(v2::Gauge { metrics });
    let two = BTreeMap::from([("a".to_owned(), value(1.5)), ("b".to_owned(), value(2.0))]);
    let Ok(Item::Metrics(found)) = item(envelope(gauge(two), &[]), 8) else {
        panic!("no metrics")
    };
    let [a, b] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (&a.name[..], &a.unit[..], &b.name[..]),
        (&b"a"[..], &b"bytes"[..], &b"b"[..])
    );
    let Some(Data::Gauge(points)) = &a.data else {
        panic!("no gauge")
    };
    assert_eq!(points.data_points[0].value, Some(Number::Double(1.5)));
    let none = item(envelope(gauge(BTreeMap::new()), &[]), 8);
    assert_eq!(none, Err(LeftOut::Nothing));
}

#[test]
fn timers_with_ids_are_spans() {
    let timer = || {
        Message::Timer(v2::Timer {
            name: "http".into(),
            start: 1,
            stop: 2,
        })
    };
    const TRACE: (&str, &str) = ("trace_id", "5b8efff798038103d269b633813fc60c");
    const SPAN: (&str, &str) = ("span_id", "eee19b7ec3c1b174");
    let server = ("peer_type", "Server");
    let uri = ("uri", "https://shop.example/v1/items?page=2");
    let Ok(Item::Span(span)) = item(envelope(timer(), &[TRACE, SPAN, server, uri]), 8) else {
        panic!("no span")
    };
    assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
    assert_eq!((&span.name[..], span.kind), (&b"/v1/items"[..], 2));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1, 2));
    assert_eq!(span.status.unwrap().code, 0);
    assert_eq!(span.attributes, own(&[server, uri]));
    let Ok(Item::Span(span)) = item(envelope(timer(), &[TRACE, SPAN, ("uri", "1:2")]), 8) else {
        panic!("no span")
    };
    assert_eq!((&span.name[..], span.kind), (&b"http"[..], 1));

    let client = ("peer_type", "Client");
    for (tags, why) in [
        (&[TRACE, SPAN, client][..], LeftOut::ClientTimer),
        (&[], LeftOut::NoSpan),
        (&[TRACE], LeftOut::NoSpan),
        (&[TRACE, ("span_id", "eee1")], LeftOut::NoSpan),
        (
            &[("trace_id", "zz8efff798038103d269b633813fc60c"), SPAN],
            LeftOut::NoSpan,
        ),
    ] {
        assert_eq!(item(envelope(timer(), tags), 8), Err(why), "{tags:?}");
    }
}

#[test]
fn requests_are_grouped_as_the_peer_groups_them() {
    let request = logs(vec![LogRecord::default(); 2]);
    let request = Request::<LogRecord>::decode(&request[..]).unwrap();
    assert_eq!(request.resources.len(), 2);
    let request = spans(vec![Span::default(); 3]);
    let request = Request::<Span>::decode(&request[..]).unwrap();
    assert_eq!(request.resources.len(), 3);
    let request = metrics(vec![Metric::default(); 4]);
    let request = Request::<Metric>::decode(&request[..]).unwrap();
    assert_eq!(request.resources.len(), 1);
    assert_eq!(request.resources[0].scopes[0].items.len(), 4);
}
