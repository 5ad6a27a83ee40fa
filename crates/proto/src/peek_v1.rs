//! What routing needs to know of a V1 envelope, in one walk over its bytes.
//!
//! The walk accepts what Go's decoder accepts: required fields must be there in every
//! message, strings are not checked, and a known field of another wire type counts as an
//! unknown one.

use std::borrow::Cow;

use crate::fields::fields;
use crate::peek::PeekError;
use crate::reader::{ENVELOPE_DEPTH, Reader, Reason};
use crate::uuid;
use crate::v1::envelope::EventType;

mod bodies;
#[cfg(test)]
mod tests;

use bodies::Bodies;

/// Keys of the envelope's fields: number and wire type.
pub mod key {
    /// Who emits.
    pub const ORIGIN: u64 = 1 << 3 | 2;
    /// Which payload counts.
    pub const EVENT_TYPE: u64 = 2 << 3;
    /// Unix time in nanoseconds.
    pub const TIMESTAMP: u64 = 6 << 3;
    /// The first payload; the others follow without a gap, in the order of their types.
    pub const FIRST_BODY: u64 = 7 << 3 | 2;
    /// The last payload.
    pub const LAST_BODY: u64 = 12 << 3 | 2;
    /// Set by the agent.
    pub const DEPLOYMENT: u64 = 13 << 3 | 2;
    /// Set by the agent.
    pub const JOB: u64 = 14 << 3 | 2;
    /// Set by the agent.
    pub const INDEX: u64 = 15 << 3 | 2;
    /// Set by the agent.
    pub const IP: u64 = 16 << 3 | 2;
    /// A tag: an entry of key (1) and value (2).
    pub const TAG: u64 = 17 << 3 | 2;
}

/// The name of the tag that says whose envelope it is.
pub const SOURCE_ID: &[u8] = b"source_id";

/// The two kinds that V1 subscriptions tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A log line.
    Log,
    /// All else, errors and unknown types included.
    Metric,
}

/// What a walk over a V1 envelope found. Of a repeated field the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeekV1<'a> {
    /// The number on the wire; see [`EventType`]. Unknown ones are possible.
    pub event_type: i32,
    /// Unix time in nanoseconds; 0 if absent.
    pub timestamp: i64,
    /// Who emits; may be empty.
    pub origin: &'a [u8],
    /// Set by the agent, as the next three.
    pub deployment: Option<&'a [u8]>,
    /// The job's name.
    pub job: Option<&'a [u8]>,
    /// The machine's id.
    pub index: Option<&'a [u8]>,
    /// The machine's address.
    pub ip: Option<&'a [u8]>,
    /// The tag `source_id`.
    pub source_id_tag: Option<&'a [u8]>,
    /// True if the payload that the event type names is there.
    pub body_present: bool,
    /// That payload as last seen. An envelope may carry it in parts;
    /// [`PeekV1::body`] joins them.
    last_body: &'a [u8],
    /// The whole envelope, if the payload comes in parts.
    parts: Option<&'a [u8]>,
    app: App<'a>,
}

/// Where the app id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum App<'a> {
    Named(&'a [u8]),
    Uuid(u64, u64),
    System,
}

/// Walks a V1 envelope once.
///
/// # Errors
/// [`PeekError::Malformed`] for bytes that Go's decoder would refuse, a missing required
/// field included. Never [`PeekError::InvalidUtf8`].
pub fn peek_v1(payload: &[u8]) -> Result<PeekV1<'_>, PeekError> {
    let mut reader = Reader::new(payload);
    let mut peek = PeekV1 {
        event_type: 0,
        timestamp: 0,
        origin: &[],
        deployment: None,
        job: None,
        index: None,
        ip: None,
        source_id_tag: None,
        body_present: false,
        last_body: &[],
        parts: None,
        app: App::System,
    };
    let mut bodies = Bodies::default();
    let (mut has_origin, mut has_event_type) = (false, false);
    while !reader.rest.is_empty() {
        let key = reader.varint()?;
        match key {
            key::TAG => {
                let (name, value) = checked_tag(reader.bytes()?)?;
                if name == SOURCE_ID {
                    peek.source_id_tag = Some(value);
                }
            }
            key::ORIGIN => {
                peek.origin = reader.bytes()?;
                has_origin = true;
            }
            key::EVENT_TYPE => {
                peek.event_type = int32(reader.varint()?);
                has_event_type = true;
            }
            key::TIMESTAMP => peek.timestamp = reader.varint()?.cast_signed(),
            key::DEPLOYMENT => peek.deployment = Some(reader.bytes()?),
            key::JOB => peek.job = Some(reader.bytes()?),
            key::INDEX => peek.index = Some(reader.bytes()?),
            key::IP => peek.ip = Some(reader.bytes()?),
            key::FIRST_BODY..=key::LAST_BODY if key & 7 == 2 => {
                bodies.part(key, reader.bytes()?)?;
            }
            _ => reader.skip(key, ENVELOPE_DEPTH)?,
        }
    }
    if !has_origin || !has_event_type {
        return Err(PeekError::Malformed("a required field is missing"));
    }
    bodies.check_required()?;
    if let Some(body_key) = body_key(peek.event_type) {
        let body = bodies.of(body_key);
        peek.body_present = body.parts > 0;
        peek.last_body = body.last;
        peek.parts = (body.parts > 1).then_some(payload);
        peek.app = bodies.app(body_key);
    }
    Ok(peek)
}

impl<'a> PeekV1<'a> {
    /// Which subscriptions it is for.
    pub fn class(&self) -> Class {
        if self.event_type == EventType::LogMessage as i32 {
            Class::Log
        } else {
            Class::Metric
        }
    }

    /// The payload that the event type names, empty if it is not there. Its parts are
    /// joined: protobuf merges messages by concatenation.
    pub fn body(&self) -> Cow<'a, [u8]> {
        let Some(payload) = self.parts else {
            return Cow::Borrowed(self.last_body);
        };
        let wanted = body_key(self.event_type);
        let parts = fields(payload).filter(|field| Some(field.key) == wanted);
        Cow::Owned(parts.flat_map(|field| field.bytes()).copied().collect())
    }

    /// The app whose subscribers get it: `system` for what belongs to no app, none
    /// for a log line or container metric without an app id.
    pub fn app_id(&self) -> Option<Cow<'a, str>> {
        match self.app {
            App::Named([]) => None,
            App::Named(app) => Some(String::from_utf8_lossy(app)),
            App::Uuid(low, high) => Some(Cow::Owned(uuid::to_string(low, high))),
            App::System => Some(Cow::Borrowed("system")),
        }
    }

    /// The app that the payload itself names, never empty.
    pub fn named_app(&self) -> Option<Cow<'a, [u8]>> {
        match self.app {
            App::Named([]) | App::System => None,
            App::Named(app) => Some(Cow::Borrowed(app)),
            App::Uuid(low, high) => Some(Cow::Owned(uuid::text(low, high).to_vec())),
        }
    }

    /// Whose envelope it is, for counting: the app if it names one, else the tag
    /// `source_id`, else the origin.
    pub fn source(&self) -> Cow<'a, str> {
        match (self.app, self.source_id_tag) {
            (App::Uuid(low, high), _) => Cow::Owned(uuid::to_string(low, high)),
            (App::Named(source @ [_, ..]), _) | (_, Some(source @ [_, ..])) => {
                String::from_utf8_lossy(source)
            }
            _ => String::from_utf8_lossy(self.origin),
        }
    }
}

/// The key of the payload that an event type names.
fn body_key(event_type: i32) -> Option<u64> {
    // Types 4 to 9 are fields 7 to 12.
    let number = u64::from(EventType::try_from(event_type).ok()? as u32) + 3;
    Some(number << 3 | 2)
}

/// A tag's name and value; either may be missing and is then empty.
pub fn tag(entry: &[u8]) -> (&[u8], &[u8]) {
    if let Some(plain) = plain_tag(entry) {
        return plain;
    }
    let mut found = (&[][..], &[][..]);
    for field in fields(entry) {
        match field.key {
            bodies::TAG_NAME => found.0 = field.bytes(),
            bodies::TAG_VALUE => found.1 = field.bytes(),
            _ => {}
        }
    }
    found
}

fn checked_tag(entry: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    if let Some(plain) = plain_tag(entry) {
        return Ok(plain);
    }
    let mut reader = Reader::new(entry);
    while !reader.rest.is_empty() {
        let key = reader.varint()?;
        reader.skip(key, ENVELOPE_DEPTH - 1)?;
    }
    Ok(tag(entry))
}

/// The usual tag: name and value, each once and below 128 bytes. Such an entry is the same
/// in any map of strings.
#[inline]
pub fn plain_tag(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0A, name_len @ ..0x80, tail @ ..] = entry else {
        return None;
    };
    let (name, tail) = tail.split_at_checked(usize::from(*name_len))?;
    match tail {
        [0x12, len @ ..0x80, value @ ..] if value.len() == usize::from(*len) => Some((name, value)),
        _ => None,
    }
}

/// A varint as an enum or `int32`: decoders keep the low 32 bits.
#[allow(clippy::cast_possible_truncation)] // as said
pub fn int32(value: u64) -> i32 {
    value as i32
}
