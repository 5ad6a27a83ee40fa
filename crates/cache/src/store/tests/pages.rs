//! What pages hold: the peer's rules for limits, names and searches.

use std::collections::BTreeMap;

use super::*;

fn timestamps(times: &[i64], query: Query) -> Vec<i64> {
    let store = Store::new(roomy());
    for at in times {
        put(&store, 0, "app", *at, "hello");
    }
    let page = store.read(&query);
    let time = |envelope: &Bytes| v2::Envelope::decode(envelope.clone()).unwrap().timestamp;
    page.envelopes.iter().map(time).collect()
}

fn limited(limit: usize, descending: bool) -> Query {
    Query {
        limit,
        descending,
        ..Query::all("app")
    }
}

#[test]
fn a_timestamp_is_not_divided() {
    assert_eq!(timestamps(&[0, 1, 1], limited(2, false)), [0, 1, 1]);
    assert_eq!(timestamps(&[0, 0, 1], limited(2, true)), [1, 0, 0]);
    // Where the peer divides one, or adds what does not belong to it.
    assert_eq!(timestamps(&[9, 9, 20, 30], limited(2, false)), [9, 9]);
    assert_eq!(timestamps(&[9, 9, 9], limited(1, false)), [9, 9, 9]);
    let within = Query {
        start: 1,
        end: 3,
        ..limited(5, false)
    };
    let times = [0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 3];
    assert_eq!(timestamps(&times, within), [1, 1, 1, 2]);
}

#[test]
fn late_ones_come_in_order() {
    assert_eq!(
        timestamps(&[5, 2, 1, 1, 1, 4], limited(9, false)),
        [1, 1, 1, 2, 4, 5]
    );
}

#[test]
fn nothing_is_found_of_a_source_that_nobody_heard_of() {
    let page = Store::new(roomy()).read(&Query::all("app"));
    assert!(page.envelopes.is_empty() && page.next.is_none());
}

fn regex(text: &str) -> Option<regex::Regex> {
    Some(regex::Regex::new(text).unwrap())
}

#[test]
fn names_are_those_of_metrics() {
    let store = Store::new(roomy());
    let value = |value| v2::GaugeValue {
        unit: "u".into(),
        value,
    };
    let metrics = [
        ("cpu".to_owned(), value(1.0)),
        ("memory".to_owned(), value(2.0)),
    ];
    let gauge = v2::Gauge {
        metrics: metrics.clone().into(),
    };
    let counter = v2::Counter {
        name: "cpu_seconds".into(),
        ..v2::Counter::default()
    };
    let timer = v2::Timer {
        name: "http".into(),
        ..v2::Timer::default()
    };
    let all = [
        (Types::LOG, None),
        (Types::GAUGE, Some(Body::Gauge(gauge))),
        (Types::COUNTER, Some(Body::Counter(counter))),
        (Types::TIMER, Some(Body::Timer(timer))),
        (Types::EVENT, Some(Body::Event(v2::Event::default()))),
        (Types::OTHER, None),
    ];
    for (types, message) in all {
        let envelope = match types == Types::LOG {
            true => log("app", 1, "cpu"),
            false => envelope("app", 1, message),
        };
        store.put(
            0,
            [Put {
                source_id: "app",
                timestamp: 1,
                types,
                envelope: &envelope,
            }],
        );
    }
    let named = |names| {
        let query = Query {
            names: regex(names),
            ..Query::all("app")
        };
        let page = store.read(&query);
        let decoded = page
            .envelopes
            .iter()
            .map(|one| v2::Envelope::decode(one.clone()).unwrap());
        decoded.collect::<Vec<_>>()
    };
    let found = named("^cpu");
    assert_eq!(found.len(), 2);
    let Some(Body::Gauge(gauge)) = &found[0].message else {
        panic!("no gauge");
    };
    assert_eq!(gauge.metrics, BTreeMap::from([metrics[0].clone()]));
    assert_eq!(found[0].tags.len(), 4, "all else stays");
    assert_eq!(named("http").len(), 1);
    assert_eq!(named("").len(), 3);
    assert_eq!(named("disk").len(), 0);
}

#[test]
fn a_search_is_for_what_was_logged() {
    let store = Store::new(roomy());
    for at in 0..1000 {
        put(&store, 0, "app", at, &format!("line {at} of many"));
    }
    let query = Query {
        search: Some(regex::bytes::Regex::new("^line .*99 ").unwrap()),
        limit: 3,
        descending: true,
        ..Query::all("app")
    };
    let page = store.read(&query);
    assert_eq!(
        texts(&page.envelopes),
        ["line 999 of many", "line 899 of many", "line 799 of many"]
    );
    let next = Query {
        after: page.next,
        ..query
    };
    assert_eq!(texts(&store.read(&next).envelopes)[0], "line 699 of many");
    let tags = Query {
        search: Some(regex::bytes::Regex::new("deployment").unwrap()),
        ..next
    };
    assert!(store.read(&tags).envelopes.is_empty());
}

#[test]
fn a_page_has_its_bytes() {
    let store = Store::new(roomy());
    for at in 0..1000 {
        put(&store, 0, "app", at, &"x".repeat(1000));
    }
    let query = Query {
        max_bytes: 10_000,
        ..Query::all("app")
    };
    let page = store.read(&query);
    assert!((8..10).contains(&page.envelopes.len()));
    let one = Query {
        max_bytes: 1,
        after: page.next,
        ..query
    };
    assert_eq!(store.read(&one).envelopes.len(), 1);
}

#[test]
fn what_came_last_is_last_whatever_its_timestamp_says() {
    let store = Store::new(roomy());
    let mut expected = Vec::new();
    let before = store.mark("app");
    for at in 0..1000_i64 {
        // Clocks that run backwards, stand, and jump.
        let timestamp = match at % 3 {
            0 => -at,
            1 => 7,
            _ => at * 1_000_000,
        };
        let text = format!("{at} {}", noise(at));
        put(&store, at, "app", timestamp, &text);
        put(&store, at, "other", at, "of no interest");
        expected.push(text);
    }
    let mark = store.mark("app");
    put(&store, 1000, "app", -5, "after the mark");
    expected.push("after the mark".into());
    let mut query = Query {
        limit: 37,
        descending: true,
        as_they_came: true,
        ..Query::all("app")
    };
    let mut found = Vec::new();
    let mut sequences = Vec::new();
    loop {
        let page = store.read(&query);
        assert!(page.envelopes.len() <= 37);
        found.extend(texts(&page.envelopes));
        sequences.extend(page.sequences);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    found.reverse();
    assert_eq!(found, expected);
    assert!(sequences.is_sorted_by(|newer, older| newer > older));
    assert_eq!(sequences.iter().filter(|one| **one >= mark).count(), 1);
    assert!(sequences.iter().all(|one| *one >= before));
    let oldest = store.read(&Query {
        limit: 5,
        as_they_came: true,
        ..Query::all("app")
    });
    assert_eq!(texts(&oldest.envelopes), expected[..5]);
}
