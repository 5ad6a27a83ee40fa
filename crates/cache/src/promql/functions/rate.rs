//! Changes of counters and gauges: `rate`, `increase`, `delta`, `irate`, `changes`, `resets`.

use super::{Window, edges, window::seconds};
use crate::promql::{Mode, series::Sample};

/// How much further than the average distance of samples an edge may lie from the nearest
/// sample to be taken for one that the series reaches (docs: "functions", `rate`).
const REACH: f64 = 1.1;

pub(super) fn rate(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    change(window, true).map(|change| change / window.seconds())
}

pub(super) fn increase(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    change(window, true)
}

pub(super) fn delta(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    change(window, false)
}

/// How much a series changed over the whole range, from its first and last sample in it.
fn change(window: &Window<'_>, counter: bool) -> Option<f64> {
    if let Some(kind) = window.edges {
        return edges::change(window, kind, counter);
    }
    let (first, last) = (window.samples.first()?, window.samples.last()?);
    if window.samples.len() < 2 {
        return None;
    }
    let mut change = last.value - first.value;
    if counter {
        change += lost_in_resets(window.samples.iter().map(|sample| sample.value));
    }
    let sampled = seconds(last.at - first.at);
    let average = sampled / (window.samples.len() - 1) as f64;
    let limit = average * REACH;
    let reach = |distance: f64| {
        if distance >= limit {
            average / 2.0
        } else {
            distance
        }
    };
    let mut before = seconds(first.at - window.start);
    let behind = reach(seconds(window.end - last.at));
    // A counter started at zero: it cannot have come from below that. 2.13 looks at this
    // before it looks at the distance, Prometheus 3 behind.
    let since_zero = match counter && change > 0.0 && first.value >= 0.0 {
        true => sampled * (first.value / change),
        false => f64::INFINITY,
    };
    before = match window.mode {
        Mode::LogCache => reach(before.min(since_zero)),
        Mode::Modern => reach(before).min(since_zero),
    };
    Some(change * ((sampled + before + behind) / sampled))
}

/// What a counter had reached each time that it fell.
pub(super) fn lost_in_resets(values: impl Iterator<Item = f64>) -> f64 {
    let mut previous = f64::NEG_INFINITY;
    let mut lost = 0.0;
    for value in values {
        if value < previous {
            lost += previous;
        }
        previous = value;
    }
    lost
}

fn last_two<'a>(window: &Window<'a>) -> Option<(&'a Sample, &'a Sample)> {
    match window.samples {
        [.., previous, last] => Some((previous, last)),
        _ => None,
    }
}

pub(super) fn irate(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let (previous, last) = last_two(window)?;
    let change = match last.value < previous.value {
        true => last.value,
        false => last.value - previous.value,
    };
    let distance = last.at - previous.at;
    (distance != 0).then(|| change / seconds(distance))
}

pub(super) fn idelta(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let (previous, last) = last_two(window)?;
    (last.at != previous.at).then_some(last.value - previous.value)
}

fn count_pairs(window: &Window<'_>, counts: fn(f64, f64) -> bool) -> Option<f64> {
    let samples = edges::anchored(window)?;
    let pairs = samples.windows(2).filter(|pair| match pair {
        [a, b] => counts(a.value, b.value),
        _ => false,
    });
    Some(pairs.count() as f64)
}

pub(super) fn changes(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    count_pairs(window, |a, b| a != b && !(a.is_nan() && b.is_nan()))
}

pub(super) fn resets(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    count_pairs(window, |a, b| b < a)
}
