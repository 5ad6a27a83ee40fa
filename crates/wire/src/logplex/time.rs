//! Times as Logplex's lines have them.

use std::ops::Deref;

use crate::syslog::{civil::Civil, parse::stamp};

/// The length of `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`.
const LEN: usize = 32;
const UTC: &[u8] = b"+00:00";

/// The text of a line's time.
#[derive(Clone, Debug)]
pub enum Time<'a> {
    /// As it was received.
    Given(&'a [u8]),
    /// Made of an envelope's timestamp.
    Made([u8; LEN]),
}

impl Time<'_> {
    /// `YYYY-MM-DDTHH:MM:SS.ffffff+00:00` of Unix time in nanoseconds, cut to microseconds.
    pub fn of(nanos: i64) -> Self {
        let mut text = *b"0000-00-00T00:00:00.000000+00:00";
        let time = Civil::from_unix(nanos);
        put(&mut text, &time);
        digits(&mut text[20..26], time.nanos / 1000);
        Time::Made(text)
    }
}

impl Deref for Time<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Time::Given(text) => text,
            Time::Made(text) => text,
        }
    }
}

impl PartialEq for Time<'_> {
    /// Whether the texts are the same.
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Time<'_> {}

/// Appends `YYYY-MM-DDTHH:MM:SS+00:00`, the time of Logplex's own notices.
pub(super) fn put_seconds(nanos: i64, out: &mut Vec<u8>) {
    let mut text = *b"0000-00-00T00:00:00+00:00";
    put(&mut text, &Civil::from_unix(nanos));
    out.extend_from_slice(&text);
}

/// Unix time in nanoseconds of a line's time, and whether [`Time::of`] writes it so.
pub(super) fn read(text: &[u8]) -> Option<(i64, bool)> {
    let nanos = stamp::rfc3339(text)?;
    // What was read has digits at the other places. A leap second comes back as the
    // next minute's first.
    let canonical = text.len() == LEN
        && text[10] == b'T'
        && text[17] != b'6'
        && text[19] == b'.'
        && text.ends_with(UTC);
    Some((nanos, canonical))
}

fn put(text: &mut [u8], time: &Civil) {
    // Sixty-four bits of nanoseconds end within the years 1677 to 2262.
    digits(&mut text[..4], time.year);
    digits(&mut text[5..7], i64::from(time.month));
    digits(&mut text[8..10], i64::from(time.day));
    digits(&mut text[11..13], time.second / 3600);
    digits(&mut text[14..16], time.second / 60 % 60);
    digits(&mut text[17..19], time.second % 60);
}

/// Fills `text` with the last digits of a number.
fn digits(text: &mut [u8], mut number: i64) {
    for place in text.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_canonical_comes_back_and_nothing_else_does() {
        for (text, canonical) in [
            ("2012-12-10T03:00:48.123456+00:00", true),
            ("1969-12-31T23:59:59.000001+00:00", true),
            ("2012-12-10T03:00:48.123456Z", false),
            ("2012-12-10T03:00:48.1234560Z00:00", false),
            ("2012-12-10t03:00:48.123456+00:00", false),
            ("2012-12-10T03:00:48,123456+00:00", false),
            ("2012-12-10T03:00:60.123456+00:00", false),
            ("2012-12-10T03:00:48.123456-00:00", false),
            ("2012-12-10T03:00:48.12345600+0000", false),
            ("2012-12-10T03:00:48.1234567+0000", false),
        ] {
            let read = read(text.as_bytes());
            assert_eq!(read.is_some_and(|read| read.1), canonical, "{text}");
            if let Some((nanos, true)) = read {
                assert_eq!(&*Time::of(nanos), text.as_bytes());
            }
        }
        assert_eq!(read(b"aaaa"), None);
    }

    #[test]
    fn the_ends_of_time() {
        assert_eq!(
            &*Time::of(i64::MIN),
            b"1677-09-21T00:12:43.145224+00:00".as_slice()
        );
        let mut out = Vec::new();
        put_seconds(i64::MAX, &mut out);
        assert_eq!(out, b"2262-04-11T23:47:16+00:00");
    }
}
