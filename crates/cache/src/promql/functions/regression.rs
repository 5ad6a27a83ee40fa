//! Lines and curves through samples: `deriv`, `predict_linear`, exponential smoothing.

use super::{Window, sums::Sum, window::seconds};
use crate::promql::series::Sample;

/// The line of least squares through samples: its slope per second and its value at `origin`.
fn line(samples: &[Sample], origin: i64) -> Option<(f64, f64)> {
    let first = samples.first()?.value;
    if samples.iter().all(|sample| sample.value == first) {
        return Some(match first.is_infinite() {
            true => (f64::NAN, f64::NAN),
            false => (0.0, first),
        });
    }
    let (mut x, mut y, mut xy, mut xx) = <(Sum, Sum, Sum, Sum)>::default();
    for sample in samples {
        let at = seconds(sample.at - origin);
        x.add(at);
        y.add(sample.value);
        xy.add(at * sample.value);
        xx.add(at * at);
    }
    let count = samples.len() as f64;
    let (x, y) = (x.total(), y.total());
    let covariance = xy.total() - x * y / count;
    let variance = xx.total() - x * x / count;
    let slope = covariance / variance;
    Some((slope, y / count - slope * x / count))
}

pub(super) fn deriv(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    match window.samples {
        // From the first sample on, so that large times cost no precision.
        [first, _, ..] => line(window.samples, first.at).map(|(slope, _)| slope),
        _ => None,
    }
}

pub(super) fn predict(window: &Window<'_>, numbers: &[f64]) -> Option<f64> {
    let ahead = numbers.first()?;
    if window.samples.len() < 2 {
        return None;
    }
    let (slope, value) = line(window.samples, window.step)?;
    Some(slope * ahead + value)
}

/// Holt and Winters' smoothing with a level and a trend.
pub(super) fn smoothing(window: &Window<'_>, numbers: &[f64]) -> Option<f64> {
    let [level_factor, trend_factor] = numbers else {
        return None;
    };
    let mut values = window.values();
    let (first, second) = (values.next()?, values.next()?);
    let (mut previous, mut level) = (0.0, first);
    let mut trend = second - first;
    for (index, value) in window.values().skip(1).enumerate() {
        if index > 0 {
            trend = trend_factor * (level - previous) + (1.0 - trend_factor) * trend;
        }
        let smoothed = level_factor * value + (1.0 - level_factor) * (level + trend);
        (previous, level) = (level, smoothed);
    }
    Some(level)
}
