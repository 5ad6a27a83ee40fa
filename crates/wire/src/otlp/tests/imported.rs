//! What a stranger's request becomes.

use logweir_proto::v2::{self, envelope::Message, log::Type};
use serde_json::{Value, json};

use super::{from_json, refused, tags};
use crate::otlp::{Refusal, Signal};

fn logs(records: Value) -> Value {
    json!({ "resourceLogs": [{
        "resource": { "attributes": [
            { "key": "service.name", "value": { "stringValue": "shop" } },
            { "key": "service.instance.id", "value": { "stringValue": "3" } },
        ]},
        "scopeLogs": [{
            "scope": { "name": "lib", "version": "1.2" },
            "logRecords": records,
        }],
    }]})
}

fn metric(metric: &Value) -> Value {
    json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [metric] }] }] })
}

fn span(span: &Value) -> Value {
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] })
}

#[test]
fn a_log_record_keeps_all_it_says() {
    let request = logs(json!([{
        "timeUnixNano": "1700000000000000001",
        "observedTimeUnixNano": 5,
        "severityNumber": 13,
        "severityText": "WARN",
        "body": { "stringValue": "slow" },
        "attributes": [
            { "key": "n", "value": { "intValue": "-7" } },
            { "key": "ratio", "value": { "doubleValue": 0.5 } },
            { "key": "ok", "value": { "boolValue": true } },
            { "key": "raw", "value": { "bytesValue": "AQI=" } },
            { "key": "list", "value": { "arrayValue": { "values": [{ "intValue": 1 }, { "stringValue": "x" }] } } },
            { "key": "map", "value": { "kvlistValue": { "values": [{ "key": "a", "value": { "doubleValue": "NaN" } }] } } },
            { "key": "none", "value": {} },
        ],
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
        "eventName": "checkout",
        "unknown": { "is": ["passed", "over"] },
    }]));
    let (all, outcome) = from_json(Signal::Logs, &request);
    assert_eq!((outcome.accepted, outcome.refused_total()), (1, 0));
    let [envelope] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(envelope.timestamp, 1_700_000_000_000_000_001);
    assert_eq!(
        (&*envelope.source_id, &*envelope.instance_id),
        ("shop", "3")
    );
    let payload = v2::Log {
        payload: "slow".into(),
        r#type: Type::Out.into(),
    };
    assert_eq!(envelope.message, Some(Message::Log(payload)));
    assert_eq!(
        tags(envelope),
        [
            ("event_name", "checkout"),
            ("list", r#"[1,"x"]"#),
            ("map", r#"{"a":"NaN"}"#),
            ("n", "-7"),
            ("none", ""),
            ("ok", "true"),
            ("otel.scope.name", "lib"),
            ("otel.scope.version", "1.2"),
            ("ratio", "0.5"),
            ("raw", "AQI="),
            ("service.instance.id", "3"),
            ("service.name", "shop"),
            ("severity_number", "13"),
            ("severity_text", "WARN"),
            ("span_id", "eee19b7ec3c1b174"),
            ("trace_id", "5b8efff798038103d269b633813fc60c"),
        ]
    );
}

#[test]
fn a_body_becomes_a_payload_or_an_event() {
    let title = json!({ "key": "title", "value": { "stringValue": "t" } });
    let body = json!({ "key": "body", "value": { "stringValue": "b" } });
    let other = json!({ "key": "n", "value": { "intValue": 1 } });
    let list = |values: Value| json!({ "body": { "kvlistValue": { "values": values } } });
    let request = logs(json!([
        { "observedTimeUnixNano": "7", "severityNumber": "SEVERITY_NUMBER_ERROR2" },
        { "body": { "bytesValue": "/wA=" } },
        { "body": { "intValue": "12" } },
        list(json!([title, body])),
        list(json!([title, other])),
        { "severityNumber": 17, "attributes": [{ "key": "log.iostream", "value": { "stringValue": "stdout" } }] },
        { "attributes": [{ "key": "log.iostream", "value": { "stringValue": "stderr" } }] },
    ]));
    let (all, outcome) = from_json(Signal::Logs, &request);
    assert_eq!(outcome.accepted, 7);
    let said: Vec<_> = all
        .iter()
        .map(|envelope| match envelope.message.as_ref().unwrap() {
            Message::Log(log) => (log.r#type(), log.payload.to_vec()),
            Message::Event(event) => (Type::Out, format!("{}:{}", event.title, event.body).into()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: [(Type, &[u8]); 7] = [
        (Type::Err, b""),
        (Type::Out, b"\xff\0"),
        (Type::Out, b"12"),
        (Type::Out, b"t:b"),
        (Type::Out, br#"{"title":"t","n":1}"#),
        (Type::Out, b""),
        (Type::Err, b""),
    ];
    assert_eq!(said, expected.map(|(kind, text)| (kind, text.to_vec())));
    assert_eq!((all[0].timestamp, all[1].timestamp), (7, super::NOW));
}

#[test]
fn who_it_is_of_is_what_is_said_nearest() {
    let said = |attributes: Value| {
        let request = logs(json!([{ "attributes": attributes }]));
        let (all, _) = from_json(Signal::Logs, &request);
        let tag = all[0].tags.contains_key("source_id");
        assert!(!tag, "the field says it");
        (all[0].source_id.clone(), all[0].instance_id.clone())
    };
    let attribute =
        |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(said(json!([])), pair("shop", "3"));
    let app = attribute("cloudfoundry.app.id", "app");
    let index = attribute("cloudfoundry.app.instance.id", "0");
    assert_eq!(said(json!([app, index])), pair("app", "0"));
    let (source, instance) = (attribute("source_id", "own"), attribute("instance_id", "9"));
    assert_eq!(
        said(json!([app, index, source, instance])),
        pair("own", "9")
    );
    assert_eq!(said(json!([attribute("source_id", "")])), pair("shop", "3"));
    let nobody = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{}] }] }] });
    let (all, _) = from_json(Signal::Logs, &nobody);
    assert_eq!(all[0].source_id, "otlp");
}

/// Name, value and tags of what metrics became.
fn series(all: &[v2::Envelope]) -> Vec<(String, Value, String)> {
    let each = all.iter().flat_map(|envelope| {
        let tags = tags(envelope);
        let tags = tags.iter().map(|(name, value)| format!("{name}={value}"));
        let tags = tags.collect::<Vec<_>>().join(",");
        match envelope.message.clone().unwrap() {
            Message::Counter(v2::Counter { name, delta, total }) => {
                vec![(name, json!([delta, total]), tags)]
            }
            Message::Gauge(gauge) => {
                let each = gauge.metrics.into_iter();
                let each = each
                    .map(|(name, gauge)| (name, json!([gauge.value, gauge.unit]), tags.clone()));
                each.collect()
            }
            other => panic!("{other:?}"),
        }
    });
    each.collect()
}

fn expect(request: &Value, expected: &[(&str, Value, &str)]) {
    let (all, outcome) = from_json(Signal::Metrics, request);
    assert_eq!(outcome.refused_total(), 0);
    let expected = expected.iter();
    let expected: Vec<_> = expected
        .map(|(name, value, tags)| ((*name).to_owned(), value.clone(), (*tags).to_owned()))
        .collect();
    assert_eq!(series(&all), expected);
}

#[test]
fn numbers_are_gauges_and_counters() {
    let points = json!([
        { "asDouble": 1.5, "timeUnixNano": "9", "attributes": [{ "key": "k", "value": { "stringValue": "v" } }] },
        { "asInt": "-3" },
        { "flags": 1 },
    ]);
    let request =
        metric(&json!({ "name": "temp", "unit": "Cel", "gauge": { "dataPoints": points } }));
    expect(
        &request,
        &[
            ("temp", json!([1.5, "Cel"]), "k=v"),
            ("temp", json!([-3.0, "Cel"]), ""),
        ],
    );
    let sum = |temporality: Value, monotonic: bool, points: Value| {
        metric(&json!({ "name": "n", "sum": {
            "aggregationTemporality": temporality, "isMonotonic": monotonic, "dataPoints": points,
        }}))
    };
    let points = json!([{ "asInt": "18" }, { "asDouble": 2.9 }, { "asInt": 0 }]);
    let request = sum(json!(2), true, points);
    let total = |total: u64| ("n", json!([0, total]), "");
    expect(&request, &[total(18), total(2), total(0)]);
    let request = sum(
        json!("AGGREGATION_TEMPORALITY_DELTA"),
        true,
        json!([{ "asInt": 5 }, { "asDouble": 2.0 }, { "asInt": 0 }]),
    );
    expect(
        &request,
        &[("n", json!([5, 0]), ""), ("n", json!([2, 0]), "")],
    );
    expect(
        &sum(json!(2), false, json!([{ "asInt": -4 }])),
        &[("n", json!([-4.0, ""]), "")],
    );

    let (all, outcome) = from_json(
        Signal::Metrics,
        &sum(json!(1), false, json!([{ "asInt": 1 }, { "asInt": 2 }])),
    );
    assert!(all.is_empty());
    assert_eq!(outcome.refused, refused(Refusal::FallingDelta, 2));
    for (temporality, point) in [
        (2, json!({ "asInt": -1 })),
        (2, json!({ "asDouble": "Infinity" })),
        (1, json!({ "asDouble": 0.5 })),
    ] {
        let (_, outcome) = from_json(
            Signal::Metrics,
            &sum(json!(temporality), true, json!([point])),
        );
        assert_eq!(outcome.refused, refused(Refusal::NoTotal, 1), "{point}");
    }
}

#[test]
fn histograms_and_summaries_are_the_series_of_a_page() {
    let point = json!({
        "count": "6", "sum": 9.5, "bucketCounts": ["1", 2, "3"], "explicitBounds": [0.1, 10],
        "min": 0.05, "max": 11,
    });
    let request = metric(&json!({ "name": "h", "unit": "s", "histogram": {
        "aggregationTemporality": 2, "dataPoints": [point],
    }}));
    expect(
        &request,
        &[
            ("h_bucket", json!([0, 1]), "le=0.1"),
            ("h_bucket", json!([0, 3]), "le=10"),
            ("h_bucket", json!([0, 6]), "le=+Inf"),
            ("h_count", json!([0, 6]), ""),
            ("h_sum", json!([9.5, "s"]), ""),
            ("h_min", json!([0.05, "s"]), ""),
            ("h_max", json!([11.0, "s"]), ""),
        ],
    );
    // Scale 0: powers of two. -4..-2: 1, zero: 2, 1..2: 3, 4..8: 1.
    let point = json!({
        "count": 7, "scale": 0, "zeroCount": 2,
        "negative": { "offset": 1, "bucketCounts": [1] },
        "positive": { "offset": 0, "bucketCounts": [3, 0, 1] },
    });
    let request = metric(&json!({ "name": "e", "exponentialHistogram": {
        "aggregationTemporality": 2, "dataPoints": [point],
    }}));
    expect(
        &request,
        &[
            ("e_bucket", json!([0, 1]), "le=-2"),
            ("e_bucket", json!([0, 3]), "le=0"),
            ("e_bucket", json!([0, 6]), "le=2"),
            ("e_bucket", json!([0, 7]), "le=8"),
            ("e_bucket", json!([0, 7]), "le=+Inf"),
            ("e_count", json!([0, 7]), ""),
        ],
    );
    let request = metric(&json!({ "name": "s", "summary": { "dataPoints": [
        { "count": 4, "sum": 2, "quantileValues": [{ "quantile": 0.99, "value": 0.7 }] },
    ]}}));
    expect(
        &request,
        &[
            ("s", json!([0.7, ""]), "quantile=0.99"),
            ("s_sum", json!([2.0, ""]), ""),
            ("s_count", json!([0, 4]), ""),
        ],
    );
    let point = json!({ "count": 1, "bucketCounts": [1, 0, 0], "explicitBounds": [1] });
    let request = metric(
        &json!({ "name": "h", "histogram": { "aggregationTemporality": 2, "dataPoints": [point] } }),
    );
    let (_, outcome) = from_json(Signal::Metrics, &request);
    assert_eq!(outcome.refused, refused(Refusal::Malformed, 1));
}

#[test]
fn a_span_is_a_timer() {
    let request = span(&json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "0102030405060708", "traceState": "a=b", "name": "GET /", "kind": 3,
        "startTimeUnixNano": "100", "endTimeUnixNano": "150",
        "attributes": [{ "key": "trace_id", "value": { "stringValue": "another" } }],
        "events": [{ "name": "exception" }], "links": [{}, {}],
        "status": { "code": "STATUS_CODE_ERROR", "message": "no" },
    }));
    let (all, outcome) = from_json(Signal::Traces, &request);
    assert_eq!((outcome.accepted, outcome.left_out), (1, 3));
    let timer = v2::Timer {
        name: "GET /".into(),
        start: 100,
        stop: 150,
    };
    assert_eq!(all[0].message, Some(Message::Timer(timer)));
    assert_eq!(all[0].timestamp, 150);
    assert_eq!(
        tags(&all[0]),
        [
            ("otel.status_code", "ERROR"),
            ("otel.status_description", "no"),
            ("parent_span_id", "0102030405060708"),
            ("span.kind", "client"),
            ("span_id", "eee19b7ec3c1b174"),
            ("trace_id", "5b8efff798038103d269b633813fc60c"),
            ("trace_state", "a=b"),
        ]
    );
    let (all, _) = from_json(
        Signal::Traces,
        &span(&json!({ "kind": "SPAN_KIND_SERVER" })),
    );
    assert_eq!(tags(&all[0]), [("peer_type", "Server")]);
}
