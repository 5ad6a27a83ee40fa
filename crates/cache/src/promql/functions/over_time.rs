//! The functions `…_over_time`.

use super::{
    Window,
    quantile::quantile,
    sums::{Mean, Sum, Variance},
    window::seconds,
};
use crate::promql::series::Sample;

pub(super) fn avg(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let mut mean = Mean::default();
    window.values().for_each(|value| mean.add(value));
    Some(mean.mean())
}

pub(super) fn count(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(window.samples.len() as f64)
}

pub(super) fn sum(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(window.values().collect::<Sum>().total())
}

fn extreme(window: &Window<'_>, beats: fn(f64, f64) -> bool) -> Option<Sample> {
    // Any number beats NaN. Of equal values the last counts: it tells the latest time.
    window.samples.iter().copied().reduce(|best, sample| {
        match beats(sample.value, best.value) || best.value.is_nan() {
            true => sample,
            false => best,
        }
    })
}

pub(super) fn max(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extreme(window, |a, b| a > b).map(|sample| sample.value)
}

pub(super) fn min(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extreme(window, |a, b| a < b).map(|sample| sample.value)
}

pub(super) fn max_time(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extreme(window, |a, b| a >= b).map(|sample| seconds(sample.at))
}

pub(super) fn min_time(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    extreme(window, |a, b| a <= b).map(|sample| seconds(sample.at))
}

pub(super) fn first(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    window.samples.first().map(|sample| sample.value)
}

pub(super) fn last(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    window.samples.last().map(|sample| sample.value)
}

pub(super) fn first_time(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    window.samples.first().map(|sample| seconds(sample.at))
}

pub(super) fn last_time(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    window.samples.last().map(|sample| seconds(sample.at))
}

pub(super) fn present(_: &Window<'_>, _: &[f64]) -> Option<f64> {
    Some(1.0)
}

/// The median of the distances from the median.
pub(super) fn mad(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let mut values: Vec<f64> = window.values().collect();
    if values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let median = quantile(0.5, &mut values);
    values
        .iter_mut()
        .for_each(|value| *value = (*value - median).abs());
    Some(quantile(0.5, &mut values))
}

pub(super) fn stdvar(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    let mut variance = Variance::default();
    window.values().for_each(|value| variance.add(value));
    Some(variance.variance())
}

pub(super) fn stddev(window: &Window<'_>, numbers: &[f64]) -> Option<f64> {
    stdvar(window, numbers).map(f64::sqrt)
}
