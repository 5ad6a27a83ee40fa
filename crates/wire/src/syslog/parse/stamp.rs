//! Times as senders write them.

use super::super::civil::Civil;

const NANOS: i64 = 1_000_000_000;

/// Reads the time of RFC 3339 that a token is: any number of fraction digits, `Z` or an
/// offset, or neither (UTC then). Nanoseconds since 1970.
pub fn rfc3339(token: &[u8]) -> Option<i64> {
    let mut text = Scanner(token);
    let year = text.number(4, 4)?;
    text.one(b"-")?;
    let month = text.number(2, 2)?;
    text.one(b"-")?;
    let day = text.number(2, 2)?;
    text.one(b"Tt")?;
    let (second, nanos) = text.clock()?;
    let offset = text.offset()?;
    let time = civil(year, month, day, second, nanos)?.to_unix()?;
    text.0
        .is_empty()
        .then(|| time.checked_sub(offset * NANOS))?
}

/// Reads the time that a text of RFC 3164 starts with, and returns it with what follows
/// the time and its space: `Mmm dd hh:mm:ss`, also with a year before or after the clock,
/// a fraction, or a mark before and a colon after it, as routers write it. Without a
/// year it is the one that brings the time nearest to `received`.
pub(super) fn rfc3164(bytes: &[u8], received: i64) -> Option<(i64, &[u8])> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let mut text = Scanner(bytes);
    let _mark = text.one(b"*.");
    let name = text.take(3)?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let month = i64::try_from(month).ok()? + 1;
    text.one(b" ")?;
    let _padding = text.one(b" ");
    let day = text.number(1, 2)?;
    text.one(b" ")?;
    let mut year = text.year();
    let (second, nanos) = text.clock()?;
    if year.is_none() && text.one(b" ").is_some() {
        year = text.year();
    }
    let _colon = text.one(b":");
    let rest = text.0.strip_prefix(b" ").unwrap_or(text.0);
    let time = match year {
        Some(year) => civil(year, month, day, second, nanos)?.to_unix()?,
        None => {
            let this = Civil::from_unix(received).year;
            (this - 1..=this + 1)
                .filter_map(|year| civil(year, month, day, second, nanos)?.to_unix())
                .min_by_key(|time| time.abs_diff(received))?
        }
    };
    Some((time, rest))
}

fn civil(year: i64, month: i64, day: i64, second: i64, nanos: i64) -> Option<Civil> {
    Some(Civil {
        year,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        second,
        nanos,
    })
}

/// The unread rest of a text.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    /// Takes a byte if it is one of these.
    fn one(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes a number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.0.iter().take(most);
        let len = digits.take_while(|byte| byte.is_ascii_digit()).count();
        if len < least {
            return None;
        }
        let digits = self.take(len)?;
        Some(
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(*digit - b'0')),
        )
    }

    /// Takes four digits and a space, if they are next or last.
    fn year(&mut self) -> Option<i64> {
        let mut ahead = Scanner(self.0);
        let year = ahead.number(4, 4)?;
        let ends = ahead.one(b" ").is_some() || matches!(ahead.0.first(), None | Some(b':'));
        if ends {
            self.0 = ahead.0;
        }
        ends.then_some(year)
    }

    /// Takes `hh:mm:ss[.fraction]`: seconds of the day and nanoseconds.
    fn clock(&mut self) -> Option<(i64, i64)> {
        let hour = self.number(2, 2)?;
        self.one(b":")?;
        let minute = self.number(2, 2)?;
        self.one(b":")?;
        let second = self.number(2, 2)?;
        // A leap second is the next minute's first.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut nanos = 0;
        if self.one(b".,").is_some() {
            let mut unit = NANOS;
            while let Some(digit) = self.one(b"0123456789") {
                unit /= 10;
                nanos += unit * i64::from(digit - b'0');
            }
        }
        Some(((hour * 60 + minute) * 60 + second, nanos))
    }

    /// Takes `Z`, an offset or nothing: seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one(b"Zz+-") {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(0),
        };
        let hours = self.number(2, 2)?;
        let _colon = self.one(b":");
        let minutes = self.number(2, 2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_in_its_forms() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.012345+00:00", 12_345_000),
            ("1970-01-01T01:00:00.123456789+01:00", 123_456_789),
            ("1969-12-31T23:59:59.9999999999-00:00", -1),
            ("1970-01-01T00:00:00-0130", 5_400 * NANOS),
            ("1970-01-01T00:00:60z", 60 * NANOS),
            ("1970-01-01T00:00:01", NANOS),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), Some(nanos), "{text}");
        }
        for text in [
            "-",
            "",
            "1970-01-01",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00+14:0B",
            "1970-01-01T00:00:00Zx",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn rfc3164_in_its_forms() {
        let received = rfc3339(b"2026-01-01T00:00:10Z").unwrap();
        for (text, time, rest) in [
            ("Jan  1 00:00:05 h m", "2026-01-01T00:00:05Z", "h m"),
            ("Jan 01 00:00:05 h m", "2026-01-01T00:00:05Z", "h m"),
            ("Jan 1 00:00:05", "2026-01-01T00:00:05Z", ""),
            ("Dec 31 23:59:59 h m", "2025-12-31T23:59:59Z", "h m"),
            ("Mar 10 10:00:00 2001 h m", "2001-03-10T10:00:00Z", "h m"),
            ("Mar 10 2001 10:00:00: h m", "2001-03-10T10:00:00Z", "h m"),
            ("Mar 10 10:00:00 2001: m", "2001-03-10T10:00:00Z", "m"),
            ("*Jan  1 00:00:05.250: %X", "2026-01-01T00:00:05.25Z", "%X"),
            ("Jan  1 00:00:05 2001h m", "2026-01-01T00:00:05Z", "2001h m"),
        ] {
            let time = rfc3339(time.as_bytes()).unwrap();
            let found = rfc3164(text.as_bytes(), received);
            assert_eq!(found, Some((time, rest.as_bytes())), "{text}");
        }
        for text in ["", "jan 1 00:00:00 x", "Jan 32 00:00:00 x", "Jan 1 x"] {
            assert_eq!(rfc3164(text.as_bytes(), received), None, "{text}");
        }
    }

    #[test]
    fn the_29th_of_february_is_of_a_year_that_has_one() {
        let received = rfc3339(b"2024-03-01T00:00:00Z").unwrap();
        let (time, _) = rfc3164(b"Feb 29 12:00:00 x", received).unwrap();
        assert_eq!(time, rfc3339(b"2024-02-29T12:00:00Z").unwrap());
        let received = rfc3339(b"2026-03-01T00:00:00Z").unwrap();
        assert_eq!(rfc3164(b"Feb 29 12:00:00 x", received), None);
    }
}
