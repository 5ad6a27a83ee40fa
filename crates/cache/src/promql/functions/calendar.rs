//! The date of a time in seconds, in UTC.

const DAY: i64 = 86_400;

/// A time of which one wants to know the date.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    seconds: i64,
}

impl Calendar {
    /// The date of so many seconds since 1970; parts of seconds do not count.
    pub(crate) fn new(seconds: f64) -> Self {
        #[allow(clippy::cast_possible_truncation)] // Saturates, which is as good as any date.
        let seconds = seconds as i64;
        // No year beyond 5·10⁹ is of use, and none below can overflow.
        let furthest = i64::MAX / 64;
        Self {
            seconds: seconds.clamp(-furthest, furthest),
        }
    }

    /// Year, month and day by the proleptic Gregorian calendar: years are counted from
    /// March, so that the leap day is the last, in cycles of 400.
    fn date(self) -> (i64, i64, i64) {
        let days = self.seconds.div_euclid(DAY) + 719_468;
        let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (cycle * 400 + year + i64::from(month <= 2), month, day)
    }

    fn leap(self) -> bool {
        let year = self.year();
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    fn length(month: i64, leap: bool) -> i64 {
        match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    pub(super) fn year(self) -> i64 {
        self.date().0
    }

    pub(super) fn month(self) -> i64 {
        self.date().1
    }

    pub(super) fn day_of_month(self) -> i64 {
        self.date().2
    }

    pub(super) fn days_in_month(self) -> i64 {
        Self::length(self.month(), self.leap())
    }

    pub(super) fn day_of_year(self) -> i64 {
        let (_, month, day) = self.date();
        let leap = self.leap();
        (1..month)
            .map(|month| Self::length(month, leap))
            .sum::<i64>()
            + day
    }

    /// 0 is Sunday.
    pub(super) fn day_of_week(self) -> i64 {
        (self.seconds.div_euclid(DAY) + 4).rem_euclid(7)
    }

    pub(super) fn hour(self) -> i64 {
        self.seconds.rem_euclid(DAY) / 3600
    }

    pub(super) fn minute(self) -> i64 {
        self.seconds.rem_euclid(3600) / 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // 2016-02-29T23:59:59Z, a Monday.
        let leap_day = Calendar::new(1_456_790_399.0);
        assert_eq!(
            (leap_day.year(), leap_day.month(), leap_day.day_of_month()),
            (2016, 2, 29)
        );
        assert_eq!((leap_day.day_of_week(), leap_day.day_of_year()), (1, 60));
        assert_eq!(
            (leap_day.hour(), leap_day.minute(), leap_day.days_in_month()),
            (23, 59, 29)
        );
        assert_eq!(Calendar::new(-1.0).year(), 1969);
    }

    #[test]
    fn no_value_overflows() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            let date = Calendar::new(value);
            date.days_in_month();
            date.day_of_year();
            date.day_of_week();
        }
    }
}
