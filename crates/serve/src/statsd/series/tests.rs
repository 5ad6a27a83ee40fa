use logweir_wire::statsd::parse;

use super::*;

fn identity(name: &str) -> Identity {
    Identity {
        source_id: "app".into(),
        name: name.into(),
        tags: BTreeMap::new(),
    }
}

fn observe(series: &mut Series, line: &str) -> Option<Reading> {
    let sample = parse(line.as_bytes()).expect("a line");
    let value = number(&sample).expect("a number");
    series.observe(&sample, &identity(sample.name), value)
}

#[test]
fn counters_are_running_sums_scaled_by_their_rate() {
    let mut series = Series::new(10, false);
    for (line, sum) in [("a:3|c", 3.0), ("a:1|c|@0.1", 13.0), ("a:-4|c", 9.0)] {
        assert_eq!(
            observe(&mut series, line),
            Some(Reading::Gauge(sum, "counter"))
        );
    }
}

#[test]
fn gauges_are_set_or_changed_and_never_scaled() {
    let mut series = Series::new(10, false);
    for (line, value) in [
        ("a:17.5|g|@0.2", 17.5),
        ("a:+2|g", 19.5),
        ("a:-20|g", -0.5),
        ("a:4|g", 4.0),
    ] {
        assert_eq!(
            observe(&mut series, line),
            Some(Reading::Gauge(value, "gauge"))
        );
    }
}

#[test]
fn other_values_pass_as_they_are() {
    let mut series = Series::new(10, false);
    for (line, unit) in [
        ("a:320|ms|@0.1", "ms"),
        ("a:320|h", "histogram"),
        ("a:320|d", "distribution"),
    ] {
        assert_eq!(
            observe(&mut series, line),
            Some(Reading::Gauge(320.0, unit))
        );
    }
}

#[test]
fn counter_envelopes_keep_fractions_and_debts_until_they_are_whole() {
    let mut series = Series::new(10, true);
    for (line, delta) in [
        ("a:1.5|c", Some(1)),
        ("a:1.5|c", Some(2)),
        ("a:-3|c", None),
        ("a:2|c", None),
        ("a:2|c", Some(1)),
    ] {
        assert_eq!(
            observe(&mut series, line),
            delta.map(Reading::Delta),
            "{line}"
        );
    }
}

#[test]
fn a_full_table_forgets_the_least_recently_used() {
    let mut series = Series::new(2, false);
    for line in ["a:1|c", "b:1|c", "a:1|c", "c:1|c"] {
        observe(&mut series, line);
    }
    assert_eq!(
        observe(&mut series, "a:1|c"),
        Some(Reading::Gauge(3.0, "counter"))
    );
    assert_eq!(
        observe(&mut series, "b:1|c"),
        Some(Reading::Gauge(1.0, "counter"))
    );
}

#[test]
fn sums_stay_finite() {
    let mut series = Series::new(2, false);
    observe(&mut series, "a:1e308|c");
    assert_eq!(
        observe(&mut series, "a:1e308|c"),
        Some(Reading::Gauge(f64::MAX, "counter"))
    );
}

#[test]
fn sets_tell_their_distinct_members_once() {
    let mut series = Series::new(10, false);
    for member in ["ann", "bob", "ann"] {
        assert!(series.add_member(&identity("users"), member));
    }
    assert_eq!(series.sets(), [(identity("users"), 2)]);
    assert_eq!(series.sets(), []);
}

#[test]
fn sets_are_bounded_together() {
    let mut series = Series::new(10, false);
    for member in 0..MEMBERS {
        assert!(series.add_member(&identity("users"), &member.to_string()));
    }
    assert!(!series.add_member(&identity("users"), "one more"));
    series.sets();
    assert!(series.add_member(&identity("users"), "one more"));
    for set in 0..100 {
        assert!(series.add_member(&identity(&format!("set-{set}")), "x"));
    }
    assert_eq!(series.sets().len(), 10);
}
