//! What cumulative buckets tell: quantiles and fractions of what was observed.

/// Counts that differ by less than this share of them differ by rounding only.
const TOLERANCE: f64 = 1e-12;

/// A bucket: how many observations are at most its bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) bound: f64,
    pub(crate) count: f64,
}

/// Counts that fell where they may not, and were raised.
pub(crate) struct Repair {
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) largest: f64,
}

/// Sorts buckets and adds up those with the same bound.
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Raises counts that are below that of the bucket before them.
fn repair(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut previous = buckets.first()?.count;
    let mut repaired: Option<Repair> = None;
    for bucket in buckets.iter_mut().skip(1) {
        let difference = previous - bucket.count;
        let size = (previous.abs() + bucket.count.abs()).max(f64::MIN_POSITIVE);
        if difference.abs() / size < TOLERANCE {
            bucket.count = previous;
        } else if difference > 0.0 {
            let bound = bucket.bound;
            let made = repaired.get_or_insert(Repair {
                lowest: bound,
                highest: bound,
                largest: 0.0,
            });
            made.highest = bound;
            made.largest = made.largest.max(difference);
            bucket.count = previous;
        }
        previous = bucket.count;
    }
    repaired
}

/// The quantile of a histogram: linear within a bucket, from 0 in the lowest if its bound
/// is above that.
pub(crate) fn quantile(wanted: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Repair>) {
    if wanted.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&wanted) {
        return (f64::INFINITY.copysign(wanted), None);
    }
    coalesce(buckets);
    if buckets
        .last()
        .is_none_or(|last| last.bound != f64::INFINITY)
    {
        return (f64::NAN, None);
    }
    let repaired = repair(buckets);
    (rank(wanted, buckets), repaired)
}

fn rank(wanted: f64, buckets: &[Bucket]) -> f64 {
    let [inner @ .., last] = buckets else {
        return f64::NAN;
    };
    let (Some(highest), true) = (inner.last(), last.count != 0.0 && !last.count.is_nan()) else {
        return f64::NAN;
    };
    let rank = wanted * last.count;
    let index = inner.partition_point(|bucket| bucket.count < rank);
    let Some(bucket) = inner.get(index) else {
        return highest.bound;
    };
    let below = index.checked_sub(1).and_then(|below| inner.get(below));
    match below {
        None if bucket.bound <= 0.0 => bucket.bound,
        None => bucket.bound * (rank / bucket.count),
        Some(below) => {
            let share = (rank - below.count) / (bucket.count - below.count);
            below.bound + (bucket.bound - below.bound) * share
        }
    }
}

/// The share of observations between two values.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    coalesce(buckets);
    let complete = buckets
        .last()
        .is_some_and(|last| last.bound == f64::INFINITY);
    if !complete || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    repair(buckets);
    let total = buckets.last().map_or(0.0, |last| last.count);
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets) - rank_of(lower, buckets)) / total
}

/// How many observations are below a value.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let (mut low, mut rank) = (f64::NEG_INFINITY, 0.0);
    for (index, bucket) in buckets.iter().enumerate() {
        if index == 0 && bucket.bound > 0.0 {
            low = 0.0;
        }
        if low >= value {
            return rank;
        }
        if value < bucket.bound {
            return match low == f64::NEG_INFINITY {
                true => bucket.count,
                false => rank + (bucket.count - rank) * (value - low) / (bucket.bound - low),
            };
        }
        (low, rank) = (bucket.bound, bucket.count);
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Vec<Bucket> {
        let made = [(f64::INFINITY, 10.0), (1.0, 4.0), (2.0, 8.0)];
        made.map(|(bound, count)| Bucket { bound, count }).to_vec()
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        let of = |wanted| quantile(wanted, &mut buckets()).0;
        assert_eq!([of(0.2), of(0.6), of(0.9)], [0.5, 1.5, 2.0]);
        assert_eq!([of(-1.0), of(2.0)], [f64::NEG_INFINITY, f64::INFINITY]);
    }

    #[test]
    fn counts_that_fall_are_raised() {
        let mut buckets = buckets();
        buckets.push(Bucket {
            bound: 3.0,
            count: 5.0,
        });
        let (value, repair) = quantile(0.9, &mut buckets);
        assert_eq!((value, repair.map(|made| made.largest)), (3.0, Some(3.0)));
    }

    #[test]
    fn without_an_infinite_bound_nothing_is_known() {
        let mut buckets = vec![Bucket {
            bound: 1.0,
            count: 4.0,
        }];
        assert!(quantile(0.5, &mut buckets).0.is_nan());
        assert!(fraction(0.0, 1.0, &mut buckets).is_nan());
    }

    #[test]
    fn fractions_are_linear_within_a_bucket() {
        assert_eq!(fraction(0.5, 1.5, &mut buckets()), 0.4);
    }
}
