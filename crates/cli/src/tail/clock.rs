//! Unix nanoseconds as people read them.

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// `2026-11-21T03:43:38.07+0000`: UTC, hundredths of a second, cut and not rounded.
pub(super) fn timestamp(nanos: i64) -> String {
    let seconds = nanos.div_euclid(SECOND);
    let hundredths = nanos.rem_euclid(SECOND) / (SECOND / 100);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{hundredths:02}+0000")
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from
/// March, so that the leap day is a year's last.
fn date(day: i64) -> (i64, i64, i64) {
    // Days from 0000-03-01 to 1970-01-01, and days in 400 years.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// A span of time in the unit that suits its size: `12ns`, `1.5ms`, `90s`.
pub(super) fn span(nanos: i128) -> String {
    let (size, unit) = match nanos.unsigned_abs() {
        0..1_000 => return format!("{nanos}ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let sign = if nanos < 0 { "-" } else { "" };
    let thousandths = nanos.unsigned_abs() / (size / 1000);
    let text = format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000);
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.00+0000");
        assert_eq!(
            timestamp(1_795_232_618_079_999_999),
            "2026-11-21T03:43:38.07+0000"
        );
        assert_eq!(
            timestamp(951_782_400 * SECOND),
            "2000-02-29T00:00:00.00+0000"
        );
        assert_eq!(
            timestamp(4_107_542_400 * SECOND),
            "2100-03-01T00:00:00.00+0000"
        );
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.99+0000");
        assert_eq!(timestamp(i64::MIN), "1677-09-21T00:12:43.14+0000");
        assert_eq!(timestamp(i64::MAX), "2262-04-11T23:47:16.85+0000");
    }

    #[test]
    fn spans_take_the_unit_that_suits() {
        assert_eq!(span(12), "12ns");
        assert_eq!(span(1_500), "1.5µs");
        assert_eq!(span(250_000_000), "250ms");
        assert_eq!(span(90_061_000_000), "90.061s");
        assert_eq!(span(-1_500_000), "-1.5ms");
    }
}
