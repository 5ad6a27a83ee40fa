//! The header of RFC 5424.

use super::element::{self, Element};
use super::stamp;

/// Facility and severity, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Priority(pub(super) u8);

/// What the original writes as -1, and the default of RFC 3164.
const UNKNOWN: Priority = Priority(14);
const HIGHEST: u8 = 191;

impl Priority {
    pub(super) fn is_error(self) -> bool {
        self.0 & 7 <= 3
    }

    pub(super) fn facility(self) -> &'static str {
        const NAMES: [&str; 24] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
            "local3", "local4", "local5", "local6", "local7",
        ];
        NAMES
            .get(usize::from(self.0 >> 3))
            .copied()
            .unwrap_or("user")
    }

    pub(super) fn severity(self) -> &'static str {
        const NAMES: [&str; 8] = [
            "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
        ];
        NAMES[usize::from(self.0 & 7)]
    }
}

/// A message taken apart. Absent fields are empty.
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    /// None for text without one.
    pub(super) priority: Option<Priority>,
    /// Unix time in nanoseconds.
    pub(super) timestamp: Option<i64>,
    pub(super) hostname: &'a [u8],
    pub(super) app: &'a [u8],
    pub(super) procid: &'a [u8],
    pub(super) msgid: &'a [u8],
    pub(super) elements: Vec<Element<'a>>,
    pub(super) text: &'a [u8],
}

impl<'a> Header<'a> {
    /// Of text without any header.
    pub(super) fn bare(text: &'a [u8]) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// Takes `<PRI>` off. `<-1>`, which the original writes for log types that it does not
/// know, counts as 14.
pub(super) fn priority(message: &[u8]) -> Option<(Priority, &[u8])> {
    let inner = message.strip_prefix(b"<")?;
    let end = inner.iter().take(4).position(|byte| *byte == b'>')?;
    let (digits, rest) = (&inner[..end], &inner[end + 1..]);
    if digits == b"-1" {
        return Some((UNKNOWN, rest));
    }
    let plain = digits.iter().all(u8::is_ascii_digit);
    let number: u8 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (plain && number <= HIGHEST).then_some((Priority(number), rest))
}

/// Reads what follows `<PRI>` as RFC 5424; none if it does not look like it.
pub(super) fn rfc5424(priority: Priority, rest: &[u8]) -> Option<Header<'_>> {
    let (version, rest) = token(rest);
    if !(1..=3).contains(&version.len()) || !version.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (time, mut rest) = token(rest);
    let looks_like_time = time == b"-"
        || (time.len() > 10 && time[4] == b'-' && time[..4].iter().all(u8::is_ascii_digit));
    if !looks_like_time {
        return None;
    }
    let mut header = Header {
        priority: Some(priority),
        timestamp: stamp::rfc3339(time),
        ..Header::default()
    };
    for field in [
        &mut header.hostname,
        &mut header.app,
        &mut header.procid,
        &mut header.msgid,
    ] {
        let (value, tail) = token(rest);
        rest = tail;
        if value != b"-" {
            *field = value;
        }
    }
    // Structured data that is none is part of the text: senders forget the `-`.
    header.text = match element::elements(rest) {
        Some((elements, text)) => {
            header.elements = elements;
            text.strip_prefix(b" ").unwrap_or(text)
        }
        None => rest,
    };
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    header.text = header.text.strip_prefix(BOM).unwrap_or(header.text);
    Some(header)
}

/// What comes before the first space, and what comes after it.
pub(super) fn token(rest: &[u8]) -> (&[u8], &[u8]) {
    match rest.iter().position(|byte| *byte == b' ') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[]),
    }
}
