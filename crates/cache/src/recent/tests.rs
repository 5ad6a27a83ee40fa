#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: RecentLimits = RecentLimits {
    logs_per_source: 3,
    bytes: 1 << 20,
};

#[test]
fn the_latest_lines_come_in_the_order_of_time() {
    let mut recent = Recent::new(LIMITS);
    for (timestamp, line) in [(5, "late"), (1, "gone"), (4, "a"), (4, "b")] {
        recent.add_log("app", timestamp, line.as_bytes());
    }
    // "late" came first, so it is what the fourth line pushed out.
    assert_eq!(recent.logs("app", 10), ["gone", "a", "b"]);
    assert_eq!(recent.logs("app", 2), ["a", "b"]);
    assert_eq!(recent.logs("app", 0), [""; 0]);
    assert_eq!(recent.logs("other", 10), [""; 0]);
}

#[test]
fn the_newest_metric_of_an_instance_counts_until_it_is_too_old() {
    let mut recent = Recent::new(LIMITS);
    recent.add_metric("app", 1, 50, b"one");
    recent.add_metric("app", 0, 90, b"zero");
    recent.add_metric("app", 0, 80, b"older");
    assert_eq!(recent.metrics("app", 0), ["zero", "one"]);
    assert_eq!(recent.metrics("app", 51), ["zero"]);
    assert_eq!(recent.metrics("app", 91), [""; 0]);
}

#[test]
fn the_source_written_to_longest_ago_is_forgotten_first() {
    let limits = RecentLimits {
        bytes: 1000,
        ..LIMITS
    };
    let mut recent = Recent::new(limits);
    for source in ["a", "b", "a", "c", "d", "a", "e"] {
        recent.add_log(source, 1, &[b'x'; 100]);
    }
    assert_eq!(recent.logs("a", 9).len(), 3);
    assert_eq!(recent.logs("b", 9).len(), 0);
    assert!(recent.stats().evicted >= 1);
    assert!(recent.stats().bytes <= 1000);
}

#[test]
fn a_source_of_endless_instances_stays_bounded() {
    let mut recent = Recent::new(LIMITS);
    for instance in 0..5000 {
        recent.add_metric("app", instance, i64::from(instance), b"m");
    }
    let kept = recent.metrics("app", 0);
    assert_eq!(kept.len(), 1000);
    assert_eq!(recent.metrics("app", 4000).len(), 1000, "the newest stay");
}

#[test]
fn what_is_larger_than_the_memory_is_not_remembered_and_evicts_nothing() {
    let limits = RecentLimits {
        bytes: 1000,
        ..LIMITS
    };
    let mut recent = Recent::new(limits);
    recent.add_log("small", 1, b"line");
    recent.add_log("large", 1, &[b'x'; 1000]);
    assert_eq!(recent.logs("small", 9), ["line"]);
    assert_eq!(recent.stats().sources, 1);
}

proptest! {
    /// Against the plainest memory there is, without the bound in bytes.
    #[test]
    fn remembers_as_a_list_does(lines in prop::collection::vec((0..4_u8, 0..6_i64), 0..60)) {
        let mut recent = Recent::new(LIMITS);
        let mut model: BTreeMap<u8, Vec<(i64, String)>> = BTreeMap::new();
        for (number, (source, timestamp)) in lines.into_iter().enumerate() {
            let line = format!("line {number}");
            recent.add_log(&source.to_string(), timestamp, line.as_bytes());
            model.entry(source).or_default().push((timestamp, line));
        }
        for (source, mut lines) in model {
            let mut lines = lines.split_off(lines.len().saturating_sub(3));
            lines.sort_by_key(|(timestamp, _)| *timestamp);
            let expected: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
            prop_assert_eq!(recent.logs(&source.to_string(), 9), expected);
        }
    }

    /// Whatever comes, the bytes that are said to be there are there, within the bound.
    #[test]
    fn its_bytes_are_bounded_and_add_up(
        entries in prop::collection::vec((0..6_u8, 0..300_usize, any::<bool>()), 0..200),
    ) {
        let limits = RecentLimits { bytes: 2000, ..LIMITS };
        let mut recent = Recent::new(limits);
        for (source, bytes, log) in entries {
            let (source, envelope) = (source.to_string(), vec![b'x'; bytes]);
            if log {
                recent.add_log(&source, 1, &envelope);
            } else {
                recent.add_metric(&source, 1, 1, &envelope);
            }
            let all = recent.sources.iter();
            let sum: usize = all.map(|(name, own)| name.len() + ENTRY_BYTES + own.bytes).sum();
            prop_assert_eq!(sum, recent.stats().bytes);
            prop_assert!(recent.stats().bytes <= 2000);
        }
    }
}
