//! What senders of RFC 3164 and before write after the priority: mostly a time, a host
//! and a tag, all of which may be missing.

use super::Arrival;
use super::header::{Header, Priority, token};
use super::stamp;

/// The longest tag; the RFC's 32 are not kept to.
const TAG: usize = 128;

/// Takes a message apart after its priority.
pub(super) fn header<'a>(priority: Priority, rest: &'a [u8], arrival: &Arrival<'_>) -> Header<'a> {
    let mut header = Header {
        priority: Some(priority),
        text: rest,
        ..Header::default()
    };
    let mut rest = rest;
    if let Some((time, tail)) = time(rest, arrival.received) {
        header.timestamp = Some(time);
        rest = tail;
        // Local senders leave the host out: then this is the tag already.
        let (host, tail) = token(rest);
        let is_host = !host.is_empty() && !host.ends_with(b":") && !host.contains(&b'[');
        if is_host && !tail.is_empty() {
            header.hostname = host;
            rest = tail;
        }
    }
    match tag(rest) {
        Some((app, procid, text)) => {
            (header.app, header.procid, header.text) = (app, procid, text);
        }
        None => header.text = rest,
    }
    header
}

/// The time at the start, of this RFC or as relays write it, of RFC 3339.
fn time(rest: &[u8], received: i64) -> Option<(i64, &[u8])> {
    stamp::rfc3164(rest, received).or_else(|| {
        let (first, tail) = token(rest);
        Some((stamp::rfc3339(first)?, tail))
    })
}

/// Splits `TAG: text` or `TAG[PID]: text`.
fn tag(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = rest
        .iter()
        .take(TAG + 1)
        .position(|byte| !byte.is_ascii_graphic() || matches!(byte, b':' | b'['))?;
    let (app, rest) = rest.split_at(end);
    if app.is_empty() {
        return None;
    }
    let (procid, rest) = match rest.strip_prefix(b"[") {
        Some(inner) => {
            let end = inner.iter().take(TAG).position(|byte| *byte == b']')?;
            (&inner[..end], &inner[end + 1..])
        }
        None => (&[][..], rest),
    };
    let text = rest.strip_prefix(b":")?;
    Some((app, procid, text.strip_prefix(b" ").unwrap_or(text)))
}
