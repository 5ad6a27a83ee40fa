use std::collections::{BTreeMap, BTreeSet};

use logweir_proto::v2::{Counter, Envelope, Gauge, GaugeValue, Log, Timer, envelope::Message};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{
    Put, Store, StoreLimits,
    promql::{Answer, Interrupt, Limits, Matcher, Query, SeriesReader, Span},
};

const SECONDS: i64 = 1_000_000_000;

fn store() -> Store {
    Store::new(StoreLimits {
        bytes: 64 << 20,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    })
}

fn envelope(source: &str, at: i64, tags: &[(&str, &str)], message: Message) -> Envelope {
    let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Envelope {
        timestamp: at,
        source_id: source.to_owned(),
        instance_id: "0".to_owned(),
        tags: tags.collect(),
        message: Some(message),
        ..Envelope::default()
    }
}

fn counter(name: &str, total: u64) -> Message {
    Message::Counter(Counter {
        name: name.to_owned(),
        delta: 1,
        total,
    })
}

fn gauge(metrics: &[(&str, f64)]) -> Message {
    let metric = |(name, value): &(&str, f64)| {
        let value = GaugeValue {
            unit: "percentage".to_owned(),
            value: *value,
        };
        ((*name).to_owned(), value)
    };
    Message::Gauge(Gauge {
        metrics: metrics.iter().map(metric).collect(),
    })
}

fn keep(store: &Store, envelope: &Envelope) {
    let bytes = envelope.encode_to_vec();
    let types = match envelope.message {
        Some(Message::Counter(_)) => Types::COUNTER,
        Some(Message::Gauge(_)) => Types::GAUGE,
        Some(Message::Timer(_)) => Types::TIMER,
        _ => Types::LOG,
    };
    store.put(
        0,
        [Put {
            source_id: &envelope.source_id,
            timestamp: envelope.timestamp,
            types,
            envelope: &bytes,
        }],
    );
}

fn ask(store: &Store, mode: Mode, text: &str, seconds: i64) -> Vec<String> {
    let query = Query::parse(text, mode).unwrap();
    let reader = StoreSeries {
        store,
        view: View::of_query(mode, seconds * 1000),
        scope: None,
        interrupt: &|| None,
    };
    let span = Span::Instant(seconds * 1000);
    let found = query.evaluate(&reader, span, Limits::default(), &|| None);
    let mut shown: Vec<String> = match found.unwrap().answer {
        Answer::Vector(samples) => samples
            .iter()
            .map(|sample| format!("{} {}", sample.labels, sample.value))
            .collect(),
        Answer::Matrix(series) => series
            .iter()
            .map(|series| {
                let values = series.samples.iter();
                let values = values.map(|sample| format!("{}@{}", sample.value, sample.at));
                format!("{} {}", series.labels, values.collect::<Vec<_>>().join(" "))
            })
            .collect(),
        other => vec![format!("{other:?}")],
    };
    shown.sort();
    shown
}

#[test]
fn counters_gauges_and_timers_are_series() {
    let store = store();
    keep(
        &store,
        &envelope(
            "app",
            SECONDS,
            &[("code", "200")],
            counter("http.requests", 7),
        ),
    );
    keep(
        &store,
        &envelope("app", SECONDS, &[], gauge(&[("cpu", 0.5), ("disk", 9.0)])),
    );
    let timer = Message::Timer(Timer {
        name: "http".to_owned(),
        start: 7,
        stop: 25,
    });
    keep(
        &store,
        &envelope("app", SECONDS, &[("instance_id", "9")], timer),
    );
    keep(
        &store,
        &envelope("app", SECONDS, &[], Message::Log(Log::default())),
    );
    let asked = |text: &str| ask(&store, Mode::LogCache, text, 10);
    assert_eq!(
        asked(r#"http_requests{source_id="app"}"#),
        [r#"{code="200", instance_id="0", source_id="app"} 7"#]
    );
    assert_eq!(
        asked(r#"cpu{source_id="app"}"#),
        [r#"{instance_id="0", source_id="app"} 0.5"#]
    );
    assert_eq!(
        asked(r#"http{source_id="app"}"#),
        [r#"{instance_id="0", source_id="app"} 18"#]
    );
    assert_eq!(
        ask(&store, Mode::Modern, r#"{__name__=~"cpu|disk"}"#, 10),
        [
            r#"{__name__="cpu", instance_id="0", source_id="app"} 0.5"#,
            r#"{__name__="disk", instance_id="0", source_id="app"} 9"#
        ]
    );
}

#[test]
fn every_matcher_works_on_every_label() {
    let store = store();
    for (source, code) in [("a", "200"), ("b", "404"), ("c", "")] {
        keep(
            &store,
            &envelope(source, SECONDS, &[("code", code)], counter("x", 1)),
        );
    }
    let sources = |matchers: &str| {
        let text = format!("sum by (source_id) (x{{{matchers}}})");
        let found = ask(&store, Mode::LogCache, &text, 10);
        let short = |one: &String| one.replace("{source_id=\"", "").replace("\"} 1", "");
        found.iter().map(short).collect::<String>()
    };
    for (matchers, expected) in [
        (r#"source_id=~"a|b""#, "ab"),
        (r#"source_id=~"[bc]""#, "bc"),
        (r#"source_id=~".+",source_id!="b""#, "ac"),
        (r#"source_id=~".+",source_id!~"a|c""#, "b"),
        (r#"source_id=~".+",code="""#, "c"),
        (r#"source_id=~".+",code!="""#, "ab"),
        (r#"source_id=~".+",code=~"2..|4..""#, "ab"),
        (r#"source_id=~".+",code!~"4..""#, "ac"),
        (r#"source_id=~".+",instance_id="0""#, "abc"),
        (r#"source_id=~".+",instance_id!="0""#, ""),
        (r#"source_id="a.*""#, ""),
    ] {
        assert_eq!(sources(matchers), expected, "{matchers}");
    }
}

#[test]
fn several_names_keep_their_names_apart() {
    let store = store();
    keep(
        &store,
        &envelope("a", SECONDS, &[], gauge(&[("x", 1.0), ("y", 2.0)])),
    );
    assert_eq!(
        ask(
            &store,
            Mode::LogCache,
            r#"{__name__=~"x|y",source_id="a"}"#,
            10
        ),
        [
            r#"{__name__="x", instance_id="0", source_id="a"} 1"#,
            r#"{__name__="y", instance_id="0", source_id="a"} 2"#
        ]
    );
}

#[test]
fn seconds_are_whole_and_the_last_of_one_counts() {
    let store = store();
    for (at, total) in [(1_200, 1), (1_900, 3), (1_500, 2), (5_999, 9), (6_000, 10)] {
        let at = at * MILLISECOND;
        keep(&store, &envelope("a", at, &[], counter("x", total)));
    }
    let text = r#"x{source_id="a"}[1m]"#;
    // What is stamped with the end is not seen.
    assert_eq!(
        ask(&store, Mode::LogCache, text, 6),
        [r#"{instance_id="0", source_id="a"} 3@1000 9@5000"#]
    );
    assert_eq!(
        ask(&store, Mode::Modern, text, 6),
        [r#"{__name__="x", instance_id="0", source_id="a"} 1@1200 2@1500 3@1900 9@5999 10@6000"#]
    );
}

#[test]
fn names_that_become_the_same_are_one_metric() {
    let store = store();
    keep(&store, &envelope("a", SECONDS, &[], counter("a.b", 1)));
    keep(&store, &envelope("a", 2 * SECONDS, &[], counter("a-b", 2)));
    assert_eq!(
        ask(&store, Mode::Modern, "a_b[1m]", 10),
        [r#"{__name__="a_b", instance_id="0", source_id="a"} 1@1000 2@2000"#]
    );
}

#[test]
fn the_order_of_tags_says_nothing_unless_one_is_there_twice() {
    let tag = |key: &str, value: &str| {
        let mut entry = vec![0x0A, u8::try_from(key.len()).unwrap()];
        entry.extend_from_slice(key.as_bytes());
        entry.extend_from_slice(&[0x12, u8::try_from(value.len()).unwrap()]);
        entry.extend_from_slice(value.as_bytes());
        let mut field = vec![0x4A, u8::try_from(entry.len()).unwrap()];
        field.extend_from_slice(&entry);
        field
    };
    let store = store();
    let put = |at: i64, tags: &[Vec<u8>]| {
        let mut envelope = envelope("s", at * SECONDS, &[], counter("x", 1)).encode_to_vec();
        tags.iter().for_each(|tag| envelope.extend_from_slice(tag));
        store.put(
            0,
            [Put {
                source_id: "s",
                timestamp: at * SECONDS,
                types: Types::COUNTER,
                envelope: &envelope,
            }],
        );
    };
    put(1, &[tag("a", "1"), tag("b", "2")]);
    put(2, &[tag("b", "2"), tag("a", "1")]);
    put(3, &[tag("a", "1"), tag("a", "2")]);
    put(4, &[tag("a", "2"), tag("a", "1")]);
    put(5, &[tag("a", "1"), tag("a", "2")]);
    assert_eq!(
        ask(
            &store,
            Mode::LogCache,
            r#"count_over_time(x{source_id="s"}[1m])"#,
            10
        ),
        [
            r#"{a="1", b="2", instance_id="0", source_id="s"} 2"#,
            r#"{a="1", instance_id="0", source_id="s"} 1"#,
            r#"{a="2", instance_id="0", source_id="s"} 2"#
        ]
    );
}

#[test]
fn of_several_messages_the_last_counts() {
    let store = store();
    for at in 1..4 {
        let first = envelope("s", at * SECONDS, &[], counter("x", 1));
        let second = Envelope {
            message: Some(counter("x", 2)),
            ..Envelope::default()
        };
        let both = [first.encode_to_vec(), second.encode_to_vec()].concat();
        store.put(
            0,
            [Put {
                source_id: "s",
                timestamp: at * SECONDS,
                types: Types::COUNTER,
                envelope: &both,
            }],
        );
    }
    assert_eq!(
        ask(&store, Mode::LogCache, r#"x{source_id="s"}[1m]"#, 10),
        [r#"{instance_id="0", source_id="s"} 2@1000 2@2000 2@3000"#]
    );
}

#[test]
fn what_is_read_is_bounded_and_can_be_interrupted() {
    let store = store();
    for at in 0..10_000 {
        keep(&store, &envelope("a", at * SECONDS, &[], counter("x", 1)));
    }
    let matchers = [Matcher::equal("source_id", "a")];
    let selection = |most_samples| Selection {
        matchers: &matchers,
        start_ms: 0,
        end_ms: 10_000_000,
        most_samples,
        only_newest: false,
    };
    let reader = |interrupt| StoreSeries {
        store: &store,
        view: View::of_query(Mode::Modern, 10_000_000),
        scope: None,
        interrupt,
    };
    let found = reader(&|| None).select(selection(20_000)).unwrap();
    assert_eq!(found.series[0].samples.len(), 10_000);
    let refused = reader(&|| None).select(selection(9_999)).unwrap_err();
    assert_eq!(refused, ReadError::TooManySamples);
    let late = reader(&|| Some(Interrupt::Timeout)).select(selection(20_000));
    assert_eq!(
        late.unwrap_err(),
        ReadError::Interrupted(Interrupt::Timeout)
    );
}

#[test]
fn what_is_remembered_of_one_series_is_bounded_too() {
    let store = store();
    // Empty tags are no labels: all are of one series, and none looks like another.
    for at in 0..2_000 {
        let tag = format!("tag-{at}");
        let tags = [(tag.as_str(), ""), ("deployment", "the one of all of them")];
        keep(
            &store,
            &envelope("a", at * MILLISECOND, &tags, counter("x", 1)),
        );
    }
    let matchers = [Matcher::equal("source_id", "a")];
    for (most_samples, enough) in [(2_000, false), (100_000, true)] {
        let reader = StoreSeries {
            store: &store,
            view: View::of_query(Mode::Modern, 10_000),
            scope: None,
            interrupt: &|| None,
        };
        let found = reader.select(Selection {
            matchers: &matchers,
            start_ms: 0,
            end_ms: 10_000,
            most_samples,
            only_newest: true,
        });
        match enough {
            true => assert_eq!(found.unwrap().series.len(), 1),
            false => assert_eq!(found.unwrap_err(), ReadError::TooManySamples),
        }
    }
}

#[test]
fn only_sources_of_the_scope_are_read() {
    let store = store();
    for source in ["a", "b"] {
        keep(&store, &envelope(source, SECONDS, &[], counter("x", 1)));
    }
    let scope = BTreeSet::from(["b".to_owned()]);
    for matchers in [
        vec![],
        vec![Matcher::new("source_id", MatchOp::Regex, "a|b").unwrap()],
    ] {
        let reader = StoreSeries {
            store: &store,
            view: View::of_query(Mode::Modern, 10_000),
            scope: Some(&scope),
            interrupt: &|| None,
        };
        let selection = Selection {
            matchers: &matchers,
            start_ms: 0,
            end_ms: 10_000,
            most_samples: 100,
            only_newest: false,
        };
        let (found, metrics) = reader.gather(selection).unwrap();
        assert_eq!(found.series.len(), 1);
        assert_eq!(found.series[0].labels.get("source_id"), "b");
        assert_eq!((&*metrics[0].name, metrics[0].types), ("x", Types::COUNTER));
    }
}

proptest! {
    /// What is walked through is what a decoder sees.
    #[test]
    fn the_walk_sees_what_a_decoder_sees(
        envelopes in prop::collection::vec(
            (0_i64..60_000, "[ab]", prop::collection::btree_map("[cd]", "[0-1]?", 0..3), "[x.]{1,2}", 0_u64..9),
            1..60,
        ),
        newest in 0_i64..60_000,
    ) {
        let store = store();
        let mut expected: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for (at, source, tags, name, total) in &envelopes {
            let timestamp = at * MILLISECOND;
            // Long enough that the store keeps one for several envelopes.
            let common = [("deployment", "the one of all of them")];
            let tags: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain(common).collect();
            keep(&store, &envelope(source, timestamp, &tags, counter(name, *total)));
            let own = [("source_id", source.as_str()), ("instance_id", "0")];
            let name = metric_name(name);
            let labels = Labels::new(
                tags.into_iter().chain(own).chain([("__name__", &*name)]),
            );
            // The later envelope of a time counts.
            expected.entry(labels.to_string()).or_default().insert(*at, *total);
        }
        let matchers = [Matcher::new("source_id", MatchOp::Regex, ".*").unwrap()];
        let reader = StoreSeries {
            store: &store,
            view: View::of_query(Mode::Modern, 60_000),
            scope: None,
            interrupt: &|| None,
        };
        for only_newest in [false, true] {
            let end_ms = if only_newest { newest } else { 60_000 };
            let selection = Selection { matchers: &matchers, start_ms: 0, end_ms, most_samples: 10_000, only_newest };
            let found = reader.select(selection).unwrap();
            let expected = expected.iter().map(|(labels, samples)| {
                let samples = samples.range(..=end_ms).map(|(at, total)| (*at, *total as f64));
                let mut samples: Vec<_> = samples.collect();
                if only_newest {
                    samples.drain(..samples.len().saturating_sub(1));
                }
                (labels.clone(), samples)
            });
            let expected: BTreeMap<_, _> = expected.filter(|(_, samples)| !samples.is_empty()).collect();
            let found: BTreeMap<_, _> = found.series.iter().map(|series| {
                let samples = series.samples.iter().map(|sample| (sample.at, sample.value));
                (series.labels.to_string(), samples.collect::<Vec<_>>())
            }).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
