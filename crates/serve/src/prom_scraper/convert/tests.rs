use std::sync::{Arc, Mutex};

use bytes::Bytes;
use logweir_wire::prometheus_text::{Limits, parse};
use prost::Message as _;

use super::*;
use crate::grpc::Sink;

struct Kept(Arc<Mutex<Vec<v2::Envelope>>>);

impl Sink for Kept {
    fn accept(&mut self, batch: Bytes) {
        let batch = v2::EnvelopeBatch::decode(batch).expect("a batch");
        self.0.lock().expect("no panic").extend(batch.batch);
    }
}

/// The envelopes of a page, and how many series were left out.
fn converted(page: &str, labels: &[(&str, &str)]) -> (Vec<v2::Envelope>, usize) {
    let kept = Arc::default();
    let mut outlet = Outlet::new(Box::new(Kept(Arc::clone(&kept))));
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let labels = labels.iter().map(own).collect();
    let whose = Whose {
        source_id: "target",
        default_source_id: "default",
        instance_id: "7",
        labels: &labels,
        now: 42,
    };
    let exposition = parse(page.as_bytes(), &Limits::default());
    assert_eq!(exposition.errors, []);
    let mut left_out = 0;
    for one in &exposition.families {
        left_out += family(one, &whose, &mut outlet).left_out;
    }
    outlet.send_on();
    let envelopes = kept.lock().expect("no panic").clone();
    (envelopes, left_out)
}

/// An envelope in one line: source, tags and value.
fn line(envelope: &v2::Envelope) -> String {
    assert_eq!((envelope.timestamp, &envelope.instance_id[..]), (42, "7"));
    let value = match &envelope.message {
        Some(Message::Counter(counter)) => {
            assert_eq!(counter.delta, 0);
            format!("{} total {}", counter.name, counter.total)
        }
        Some(Message::Gauge(gauge)) => {
            let metric = |(name, metric): (&String, &v2::GaugeValue)| {
                format!("{name} {} {:?}", metric.value, metric.unit)
            };
            gauge
                .metrics
                .iter()
                .map(metric)
                .collect::<Vec<_>>()
                .join(" ")
        }
        other => panic!("{other:?}"),
    };
    format!("{} {:?} {value}", envelope.source_id, envelope.tags)
}

fn lines(page: &str) -> Vec<String> {
    let (envelopes, left_out) = converted(page, &[]);
    assert_eq!(left_out, 0);
    envelopes.iter().map(line).collect()
}

#[test]
fn counters_and_gauges() {
    let page = "\
# TYPE requests counter
requests{code=\"200\"} 12.9
# TYPE heat gauge
heat{unit=\"celsius\",room=\"a\"} -3.5 1700000000000
untyped 1
";
    assert_eq!(
        lines(page),
        [
            r#"target {"code": "200"} requests total 12"#,
            r#"target {"room": "a"} heat -3.5 "celsius""#,
            r#"target {} untyped 1 """#,
        ]
    );
}

#[test]
fn histograms_and_summaries() {
    let page = "\
# TYPE took histogram
took_bucket{le=\"0.1\"} 1
took_bucket{le=\"1.0\"} 2
took_bucket{le=\"2500000\"} 3
took_bucket{le=\"+Inf\"} 4
took_sum 7.25
took_count 4
# TYPE size summary
size{quantile=\"0.5\"} 10
size_sum 20
size_count 2
";
    let mut found = lines(page);
    found.sort();
    assert_eq!(
        found,
        [
            r#"target {"le": "+Inf"} took_bucket total 4"#,
            r#"target {"le": "0.1"} took_bucket total 1"#,
            r#"target {"le": "1"} took_bucket total 2"#,
            r#"target {"le": "2.5e+06"} took_bucket total 3"#,
            r#"target {"quantile": "0.5"} size 10 """#,
            r#"target {} size_count total 2"#,
            r#"target {} size_sum 20 """#,
            r#"target {} took_count total 4"#,
            r#"target {} took_sum 7.25 """#,
        ]
    );
}

#[test]
fn a_label_names_the_source_and_is_no_tag() {
    let page = "a{source_id=\"own\"} 1\nb{source_id=\"\"} 2\n";
    assert_eq!(lines(page), [r#"own {} a 1 """#, r#"default {} b 2 """#]);
}

#[test]
fn labels_of_the_series_win_over_those_of_the_target() {
    let (envelopes, _) = converted("a{x=\"series\"} 1\n", &[("x", "target"), ("y", "target")]);
    let tags = &envelopes[0].tags;
    assert_eq!((&tags["x"][..], &tags["y"][..]), ("series", "target"));
}

#[test]
fn counters_that_count_nothing_are_left_out() {
    let page = "# TYPE a counter\na{n=\"1\"} NaN\na{n=\"2\"} -1\na{n=\"3\"} +Inf\na{n=\"4\"} 5\n";
    let (envelopes, left_out) = converted(page, &[]);
    assert_eq!((envelopes.len(), left_out), (1, 3));
    let (envelopes, left_out) = converted("b NaN\nb{n=\"2\"} -Inf\n", &[]);
    assert_eq!(
        (envelopes.len(), left_out),
        (2, 0),
        "gauges may be anything"
    );
}

#[test]
fn bounds_are_written_as_go_writes_them() {
    for (value, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (0.005, "0.005"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (100_000.0, "100000"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (-2.5, "-2.5"),
        (1e100, "1e+100"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(shortest(value), text);
    }
}
