//! What routing needs to know of an envelope, in one walk over its bytes.
//!
//! The walk accepts exactly what a decoder accepts (nested messages and every
//! string included), so bytes that passed it may be sent to any reader. Two
//! differences are meant: invalid UTF-8 is told apart, since
//! [`sanitize`](crate::sanitize::sanitize) mends it, and a map field of another
//! wire type is refused, since decoders read two different things into it.

use std::borrow::Cow;

use crate::reader::{ENVELOPE_DEPTH, Reader, Reason, field_number};
use crate::schema::{self, COUNTER, DEPRECATED_TAG, EVENT, Fields, GAUGE, LOG, TAG, TIMER};

mod names;
#[cfg(test)]
mod tests;

/// Keys of the envelope's fields: number and wire type.
pub(crate) mod key {
    pub(crate) const TIMESTAMP: u64 = 1 << 3;
    pub(crate) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(crate) const DEPRECATED_TAG: u64 = 3 << 3 | 2;
    pub(crate) const LOG: u64 = 4 << 3 | 2;
    pub(crate) const COUNTER: u64 = 5 << 3 | 2;
    pub(crate) const GAUGE: u64 = 6 << 3 | 2;
    pub(crate) const TIMER: u64 = 7 << 3 | 2;
    pub(crate) const INSTANCE_ID: u64 = 8 << 3 | 2;
    pub(crate) const TAG: u64 = 9 << 3 | 2;
    pub(crate) const EVENT: u64 = 10 << 3 | 2;

    /// True for the members of the oneof.
    pub(crate) fn is_member(key: u64) -> bool {
        matches!(key, LOG | COUNTER | GAUGE | TIMER | EVENT)
    }
}

/// The highest number of a known field of the envelope.
const LAST_FIELD: u32 = 10;

/// Which member of the oneof an envelope carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A log line.
    Log,
    /// A counter.
    Counter,
    /// Gauges read together.
    Gauge,
    /// A timer.
    Timer,
    /// An event.
    Event,
}

/// What a walk over an envelope found. Of a repeated field the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    /// Unix time in nanoseconds.
    pub timestamp: i64,
    /// Whose envelope it is; may be empty.
    pub source_id: &'a str,
    /// Which instance of the source; may be empty.
    pub instance_id: &'a str,
    /// The oneof member that is set.
    pub kind: Option<Kind>,
    /// The bytes of that member as last seen. An envelope may carry it in parts;
    /// [`Peek::body`] joins them.
    pub message: &'a [u8],
    /// True if there is at least one deprecated tag.
    pub has_deprecated_tags: bool,
    /// The whole envelope, if the member comes in parts.
    parts: Option<&'a [u8]>,
}

/// Why an envelope must not travel on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// Not an envelope: no reader could decode it.
    #[error("malformed envelope: {0}")]
    Malformed(&'static str),
    /// Well-formed, but a string is not UTF-8: readers would end their stream.
    #[error("a string of the envelope is not valid UTF-8")]
    InvalidUtf8,
}

impl From<Reason> for PeekError {
    fn from(reason: Reason) -> Self {
        PeekError::Malformed(reason)
    }
}

/// Walks an envelope once.
///
/// # Errors
/// [`PeekError::Malformed`] for bytes that a decoder would refuse, else
/// [`PeekError::InvalidUtf8`] if any string in it is not UTF-8.
pub fn peek(envelope: &[u8]) -> Result<Peek<'_>, PeekError> {
    let mut reader = Reader::new(envelope);
    let mut peek = Peek {
        timestamp: 0,
        source_id: "",
        instance_id: "",
        kind: None,
        message: &[],
        has_deprecated_tags: false,
        parts: None,
    };
    let mut utf8 = true;
    while !reader.rest.is_empty() {
        let key = reader.varint()?;
        match key {
            key::TAG => {
                let entry = reader.bytes()?;
                if !is_plain_tag(entry) {
                    utf8 &= nested(entry, TAG)?;
                }
            }
            key::TIMESTAMP => peek.timestamp = reader.varint()?.cast_signed(),
            key::SOURCE_ID => peek.source_id = text(reader.bytes()?, &mut utf8),
            key::INSTANCE_ID => peek.instance_id = text(reader.bytes()?, &mut utf8),
            key::LOG => {
                let body = reader.bytes()?;
                if !is_plain_log(body) {
                    nested(body, LOG)?;
                }
                peek.member(Kind::Log, body, envelope);
            }
            key::COUNTER => {
                let body = reader.bytes()?;
                utf8 &= nested(body, COUNTER)?;
                peek.member(Kind::Counter, body, envelope);
            }
            key::GAUGE => {
                let body = reader.bytes()?;
                utf8 &= nested(body, GAUGE)?;
                peek.member(Kind::Gauge, body, envelope);
            }
            key::TIMER => {
                let body = reader.bytes()?;
                utf8 &= nested(body, TIMER)?;
                peek.member(Kind::Timer, body, envelope);
            }
            key::EVENT => {
                let body = reader.bytes()?;
                utf8 &= nested(body, EVENT)?;
                peek.member(Kind::Event, body, envelope);
            }
            key::DEPRECATED_TAG => {
                utf8 &= nested(reader.bytes()?, DEPRECATED_TAG)?;
                peek.has_deprecated_tags = true;
            }
            _ if field_number(key)? <= LAST_FIELD => {
                return Err(PeekError::Malformed("wrong wire type for a known field"));
            }
            _ => reader.skip(key, ENVELOPE_DEPTH)?,
        }
    }
    if utf8 {
        Ok(peek)
    } else {
        Err(PeekError::InvalidUtf8)
    }
}

impl<'a> Peek<'a> {
    /// Sets the oneof. A member that comes twice in a row merges, as decoders do.
    #[inline(always)]
    fn member(&mut self, kind: Kind, body: &'a [u8], envelope: &'a [u8]) {
        self.parts = if self.kind == Some(kind) {
            Some(envelope)
        } else {
            None
        };
        self.kind = Some(kind);
        self.message = body;
    }

    /// The bytes of the oneof member, its parts joined: protobuf merges messages
    /// by concatenation.
    pub fn body(&self) -> Cow<'a, [u8]> {
        match self.parts {
            None => Cow::Borrowed(self.message),
            Some(envelope) => Cow::Owned(names::joined_body(envelope)),
        }
    }

    /// The name of a counter or timer.
    pub fn metric_name(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Some(Kind::Counter | Kind::Timer) => Some(match self.body() {
                Cow::Borrowed(body) => Cow::Borrowed(names::name(body)),
                Cow::Owned(body) => Cow::Owned(names::name(&body).to_owned()),
            }),
            _ => None,
        }
    }

    /// The distinct metric names of a gauge, sorted; empty for other kinds.
    pub fn gauge_names(&self) -> Vec<Cow<'a, str>> {
        if self.kind != Some(Kind::Gauge) {
            return Vec::new();
        }
        let mut names: Vec<Cow<'a, str>> = match self.body() {
            Cow::Borrowed(body) => names::gauge_names(body).map(Cow::Borrowed).collect(),
            Cow::Owned(body) => names::gauge_names(&body)
                .map(|name| Cow::Owned(name.to_owned()))
                .collect(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[inline(always)]
fn text<'a>(bytes: &'a [u8], utf8: &mut bool) -> &'a str {
    std::str::from_utf8(bytes).unwrap_or_else(|_| {
        *utf8 = false;
        ""
    })
}

fn nested(message: &[u8], fields: &Fields) -> Result<bool, Reason> {
    schema::check(message, fields, ENVELOPE_DEPTH - 1)
}

/// The usual tag: key and value, each once, in ASCII below 128 bytes. Since the
/// bytes are ASCII, so are the two lengths, which makes them one byte each.
#[inline(always)]
fn is_plain_tag(entry: &[u8]) -> bool {
    let [0x0A, key_len, tail @ ..] = entry else {
        return false;
    };
    let Some((_, [0x12, value_len, value @ ..])) = tail.split_at_checked(usize::from(*key_len))
    else {
        return false;
    };
    value.len() == usize::from(*value_len) && entry.is_ascii()
}

/// The usual log: a payload, then nothing or a type below 128.
#[inline(always)]
fn is_plain_log(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    let [0x0A, tail @ ..] = body else {
        return false;
    };
    reader.rest = tail;
    reader.bytes().is_ok()
        && match reader.rest {
            [] => true,
            [0x10, kind] => *kind < 0x80,
            _ => false,
        }
}
