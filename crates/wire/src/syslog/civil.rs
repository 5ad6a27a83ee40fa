//! Calendar days and Unix time, proleptic Gregorian, in UTC.

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01, where eras start, to 1970-01-01.
const EPOCH: i64 = 719_468;

/// A day and the time in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    /// Since midnight.
    pub(crate) second: i64,
    pub(crate) nanos: i64,
}

impl Civil {
    /// From Unix time in nanoseconds.
    pub(crate) fn from_unix(nanos: i64) -> Self {
        let seconds = nanos.div_euclid(NANOS_PER_SECOND);
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        Self {
            year,
            month,
            day,
            second: seconds.rem_euclid(SECONDS_PER_DAY),
            nanos: nanos.rem_euclid(NANOS_PER_SECOND),
        }
    }

    /// Unix time in nanoseconds; none if that is beyond 64 bits or there is no such day.
    pub(crate) fn to_unix(self) -> Option<i64> {
        let days = days(self.year, self.month, self.day)?;
        // Wider, since the first second that fits begins before what fits.
        let seconds = i128::from(days) * i128::from(SECONDS_PER_DAY) + i128::from(self.second);
        let nanos = seconds * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos);
        i64::try_from(nanos).ok()
    }
}

/// The date of a day counted from 1970-01-01. Years start in March, so that the day
/// that leap years add is their last (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn date(days: i64) -> (i64, u8, u8) {
    let days = days + EPOCH;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day = days.rem_euclid(DAYS_PER_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let day = day - (153 * march + 2) / 5 + 1;
    let year = year + 400 * era + i64::from(month <= 2);
    // A month is 1 to 12 and a day 1 to 31.
    (
        year,
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

/// The days from 1970-01-01; none if the month has no such day.
fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let march = if month > 2 { month - 3 } else { month + 9 };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * march + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(year.div_euclid(400) * DAYS_PER_ERA + of_era - EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        let mut last = None;
        for day in (-800_000..800_000).step_by(13).chain(-366..800) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
            last = Some((year, month, of_month));
        }
        assert_eq!(last, Some((1972, 3, 10)));
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn no_such_day() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 4, 31),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 1, 0),
        ] {
            assert_eq!(days(year, month, day), None);
        }
        assert!(days(2000, 2, 29).is_some());
    }

    #[test]
    fn the_whole_range_of_a_timestamp() {
        for nanos in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(Civil::from_unix(nanos).to_unix(), Some(nanos));
        }
    }
}
