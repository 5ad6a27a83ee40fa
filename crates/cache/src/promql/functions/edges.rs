//! Ranges that look beyond their edges: `anchored` and `smoothed`.

use super::{Window, rate::lost_in_resets};
use crate::promql::{ast::Edges, series::Sample};

/// The samples from the last at or before the start of the range on. None where no sample
/// lies in the range. Without edges all samples of the window.
pub(super) fn anchored<'a>(window: &Window<'a>) -> Option<&'a [Sample]> {
    if window.edges.is_none() {
        return Some(window.samples);
    }
    if window.samples.last()?.at <= window.start {
        return None;
    }
    window.samples.get(first(window)..)
}

fn first(window: &Window<'_>) -> usize {
    window
        .samples
        .partition_point(|sample| sample.at <= window.start)
        .saturating_sub(1)
}

/// How much a series changed between the edges of the range.
pub(super) fn change(window: &Window<'_>, kind: Edges, counter: bool) -> Option<f64> {
    let from = first(window);
    let to = match kind {
        Edges::Anchored => window.samples.len() - 1,
        Edges::Smoothed => window
            .samples
            .partition_point(|sample| sample.at < window.end)
            .min(window.samples.len() - 1),
    };
    if window.samples.get(to)?.at <= window.start || window.samples.get(from)?.at > window.end {
        return None;
    }
    let at_edge = |index: usize, neighbour: usize, edge: i64| -> Option<f64> {
        let sample = window.samples.get(index)?;
        let beyond = if neighbour > index {
            sample.at < edge
        } else {
            sample.at > edge
        };
        match (kind, window.samples.get(neighbour)) {
            (Edges::Smoothed, Some(other)) if beyond => {
                let (a, b) = if neighbour > index {
                    (sample, other)
                } else {
                    (other, sample)
                };
                Some(interpolate(a, b, edge, counter))
            }
            _ => Some(sample.value),
        }
    };
    let left = at_edge(from, from + 1, window.start)?;
    let right = match to {
        0 => window.samples.first()?.value,
        to => at_edge(to, to - 1, window.end)?,
    };
    let mut change = right - left;
    if counter {
        let between = window.samples.get(from + 1..to).unwrap_or_default();
        let values = between.iter().map(|sample| sample.value);
        change += lost_in_resets([left].into_iter().chain(values).chain([right]));
    }
    Some(change)
}

/// The value at a time between two samples. A counter that fell is taken to have started
/// again at the first of them.
fn interpolate(a: &Sample, b: &Sample, at: i64, counter: bool) -> f64 {
    let from = if counter && b.value < a.value {
        0.0
    } else {
        a.value
    };
    from + (b.value - from) * ((at - a.at) as f64) / ((b.at - a.at) as f64)
}
