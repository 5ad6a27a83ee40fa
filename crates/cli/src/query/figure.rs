//! Numbers and times that fit beside a chart.

use chrono::{DateTime, Utc};

/// A number in at most ten letters: four digits that count.
pub(super) fn short(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || number.is_nan() {
        return if number.is_nan() { "NaN" } else { "0" }.to_owned();
    }
    if size.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{number:.3e}");
    }
    let places = match size {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        1.0.. => 3,
        0.1.. => 4,
        0.01.. => 5,
        0.001.. => 6,
        _ => 7,
    };
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A moment in UTC, as `10:00:00`, or with its day.
pub(super) fn clock(seconds: f64, with_day: bool) -> String {
    let Some(time) = moment(seconds) else {
        return short(seconds);
    };
    let format = match with_day {
        true => "%Y-%m-%d %H:%M:%S",
        false => "%H:%M:%S",
    };
    time.format(format).to_string()
}

/// Whether two moments are of one day.
pub(super) fn one_day(first: f64, last: f64) -> bool {
    let day = |seconds| moment(seconds).map(|time| time.date_naive());
    day(first) == day(last)
}

fn moment(seconds: f64) -> Option<DateTime<Utc>> {
    // Nanoseconds of i64 end in the year 2262, far from where an f64 would be cut.
    let limit = 9.2e9;
    let known = seconds.abs() < limit;
    #[allow(clippy::cast_possible_truncation, reason = "it is within 2262")]
    known.then(|| DateTime::from_timestamp_nanos((seconds * 1e9) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.25, "-1.25"),
            (12.3456, "12.35"),
            (123_456.7, "123457"),
            (0.012_345_6, "0.01235"),
            (0.000_123_4, "0.0001234"),
            (1e7, "1.000e7"),
            (5e-9, "5.000e-9"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn moments_name_their_day_where_it_matters() {
        assert_eq!(clock(3661.9, false), "01:01:01");
        assert_eq!(clock(1_795_232_618.0, true), "2026-11-21 03:43:38");
        assert_eq!(clock(1e300, true), "1.000e300");
        assert!(one_day(0.0, 86_399.0));
        assert!(!one_day(0.0, 86_400.0));
    }
}
