//! Histograms and summaries into the series that a metrics page has of them: `_bucket` with
//! the tag `le`, `_count`, `_sum`, and the quantiles.

use logweir_proto::decimal;

use super::{
    attributes::Tags,
    messages::{Buckets, ExponentialPoint, HistogramPoint, NO_VALUE, SummaryPoint},
    metrics::Series,
    refusal::Refusal,
};

/// Most buckets of a point, and quantiles of a summary: each becomes an envelope.
const MOST_BUCKETS: usize = 1024;

/// A histogram whose bounds are listed.
pub(super) fn explicit(
    point: HistogramPoint,
    above: &Tags,
    mut series: Series<'_, '_>,
) -> Result<(), Refusal> {
    if point.flags & NO_VALUE != 0 {
        return Ok(());
    }
    let (counts, bounds) = (&point.bucket_counts, &point.explicit_bounds);
    if counts.len() > MOST_BUCKETS {
        return Err(Refusal::TooLarge);
    }
    let fits = counts.len() == bounds.len() + 1 || counts.is_empty();
    if !fits || bounds.iter().any(|bound| bound.is_nan()) {
        return Err(Refusal::Malformed);
    }
    let tags = above.with(point.attributes);
    let mut below = 0_u64;
    for (bound, count) in bounds.iter().zip(counts) {
        below = below.saturating_add(*count);
        bucket(&mut series, &tags, *bound, below);
    }
    let extremes = [point.min, point.max];
    rest(&mut series, tags, point.count, point.sum, extremes);
    Ok(())
}

/// A histogram whose bounds are powers of a base. Buckets without a count are left out:
/// what is below their bound is what is below the bound before.
pub(super) fn exponential(
    point: ExponentialPoint,
    above: &Tags,
    mut series: Series<'_, '_>,
) -> Result<(), Refusal> {
    if point.flags & NO_VALUE != 0 {
        return Ok(());
    }
    let (positive, negative) = (
        point.positive.unwrap_or_default(),
        point.negative.unwrap_or_default(),
    );
    if positive.bucket_counts.len() + negative.bucket_counts.len() > MOST_BUCKETS {
        return Err(Refusal::TooLarge);
    }
    // Most negative first: of those the upper bound is the one nearer to zero.
    let low = powers(&negative, point.scale, 0).map(|(bound, count)| (-bound, count));
    let mut buckets: Vec<_> = low.collect();
    buckets.reverse();
    buckets.push((point.zero_threshold, point.zero_count));
    buckets.extend(powers(&positive, point.scale, 1));
    buckets.retain(|(_, count)| *count > 0);
    if buckets.iter().any(|(bound, _)| bound.is_nan()) {
        return Err(Refusal::Malformed);
    }
    let tags = above.with(point.attributes);
    let mut below = 0_u64;
    for (bound, count) in buckets {
        below = below.saturating_add(count);
        if bound.is_finite() {
            bucket(&mut series, &tags, bound, below);
        }
    }
    let extremes = [point.min, point.max];
    rest(&mut series, tags, point.count, point.sum, extremes);
    Ok(())
}

/// The buckets with one of their bounds: `0` the one nearer to zero, `1` the other.
fn powers(buckets: &Buckets, scale: i32, side: i32) -> impl Iterator<Item = (f64, u64)> {
    let exponent = (-f64::from(scale)).exp2();
    let first = f64::from(buckets.offset) + f64::from(side);
    let counts = buckets.bucket_counts.iter().copied();
    counts.scan(first, move |index, count| {
        let bound = (*index * exponent).exp2();
        *index += 1.0;
        Some((bound, count))
    })
}

fn bucket(series: &mut Series<'_, '_>, tags: &Tags, bound: f64, below: u64) {
    let mut tags = tags.clone();
    tags.add("le", decimal::shortest(bound));
    series.counter("_bucket", tags, below);
}

fn rest(
    series: &mut Series<'_, '_>,
    tags: Tags,
    count: u64,
    sum: Option<f64>,
    extremes: [Option<f64>; 2],
) {
    bucket(series, &tags, f64::INFINITY, count);
    series.counter("_count", tags.clone(), count);
    let [min, max] = extremes;
    for (suffix, value) in [("_sum", sum), ("_min", min), ("_max", max)] {
        if let Some(value) = value {
            series.gauge(suffix, tags.clone(), value);
        }
    }
}

/// A summary: quantiles that its producer worked out.
pub(super) fn summary(
    point: SummaryPoint,
    above: &Tags,
    mut series: Series<'_, '_>,
) -> Result<(), Refusal> {
    if point.flags & NO_VALUE != 0 {
        return Ok(());
    }
    if point.quantile_values.len() > MOST_BUCKETS {
        return Err(Refusal::TooLarge);
    }
    let tags = above.with(point.attributes);
    for one in &point.quantile_values {
        let mut tags = tags.clone();
        tags.add("quantile", decimal::shortest(one.quantile));
        series.gauge("", tags, one.value);
    }
    series.gauge("_sum", tags.clone(), point.sum);
    series.counter("_count", tags, point.count);
    Ok(())
}
