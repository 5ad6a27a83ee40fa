//! What the UDP doors do to a dropsonde envelope (V1), on its bytes: check, give it
//! a total, tag it. Nothing is decoded and unknown fields stay.

use bytes::{BufMut, Bytes, BytesMut};
use logweir_proto::fields::{Field, fields};
use logweir_proto::peek::PeekError;
use logweir_proto::peek_v1::{self, PeekV1, SOURCE_ID, key, peek_v1};
use logweir_proto::put;
use logweir_proto::v1::envelope::EventType;

#[cfg(test)]
mod tests;

/// Keys of a counter's fields, and of the payload that holds them.
const COUNTER_EVENT: u64 = 10 << 3 | 2;
const NAME: u64 = 1 << 3 | 2;
const DELTA: u64 = 2 << 3;
const TOTAL: u64 = 3 << 3;

/// Keys of a tag's fields.
const TAG_NAME: u64 = 1 << 3 | 2;
const TAG_VALUE: u64 = 2 << 3 | 2;

/// Why a datagram is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not an envelope, or one that lacks a required field anywhere in it.
    #[error("the datagram is no envelope: {0}")]
    Unmarshal(#[from] PeekError),
    /// An envelope without the payload that its event type names, or of a type
    /// that is not known.
    #[error("invalid envelope of event type {event_type}")]
    Invalid {
        /// The number on the wire.
        event_type: i32,
    },
}

/// Looks whether a datagram is an envelope that an agent takes.
///
/// # Errors
/// See [`Rejected`].
pub fn check(datagram: &[u8]) -> Result<PeekV1<'_>, Rejected> {
    let peek = peek_v1(datagram)?;
    if peek.body_present {
        Ok(peek)
    } else {
        Err(Rejected::Invalid {
            event_type: peek.event_type,
        })
    }
}

/// The source id that the envelope leaves with: its tag `source_id`, else (missing
/// or empty) its origin.
pub fn source_id<'a>(peek: &PeekV1<'a>) -> &'a [u8] {
    match peek.source_id_tag {
        Some(source_id) if !source_id.is_empty() => source_id,
        _ => peek.origin,
    }
}

/// What an agent sets where an envelope has no such field.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The four fields as they are on the wire, in the order of their numbers.
    fields: [Bytes; 4],
}

impl Defaults {
    /// Empty values are set too: they are then present and empty.
    pub fn new(deployment: &str, job: &str, index: &str, ip: &str) -> Self {
        let field = |key, value: &str| {
            let mut field = BytesMut::new();
            put::bytes(&mut field, key, value.as_bytes());
            field.freeze()
        };
        Self {
            fields: [
                field(key::DEPLOYMENT, deployment),
                field(key::JOB, job),
                field(key::INDEX, index),
                field(key::IP, ip),
            ],
        }
    }
}

/// Appends the envelope as an agent sends it on: source id, the default fields that it
/// lacks, and for a counter the new `total` if given. Takes what [`check`] accepts and
/// found.
pub fn tag(
    datagram: &[u8],
    peek: &PeekV1<'_>,
    defaults: &Defaults,
    total: Option<u64>,
    out: &mut BytesMut,
) {
    out.reserve(datagram.len() + 128);
    let total = total.filter(|_| is_counter(peek));
    let no_source_id = peek.source_id_tag.is_none_or(<[u8]>::is_empty);
    if total.is_some() || peek.source_id_tag.is_some_and(<[u8]>::is_empty) {
        // Not only overruled by what follows: not every decoder merges.
        copy_without(datagram, out, |field| match field.key {
            COUNTER_EVENT => total.is_some(),
            key::TAG => no_source_id && peek_v1::tag(field.bytes()).0 == SOURCE_ID,
            _ => false,
        });
    } else {
        out.put_slice(datagram);
    }
    let present = [peek.deployment, peek.job, peek.index, peek.ip];
    for (_, field) in present
        .iter()
        .zip(&defaults.fields)
        .filter(|(there, _)| there.is_none())
    {
        out.put_slice(field);
    }
    if no_source_id {
        put_tag(out, SOURCE_ID, peek.origin);
    }
    if let Some(total) = total {
        let mut counter = BytesMut::new();
        copy_without(&peek.body(), &mut counter, |field| field.key == TOTAL);
        put::number(&mut counter, TOTAL, total);
        put::bytes(out, COUNTER_EVENT, &counter);
    }
}

/// Copies the fields that are not `dropped`, in ranges as long as they come.
fn copy_without(message: &[u8], out: &mut BytesMut, dropped: impl Fn(Field<'_>) -> bool) {
    let mut kept = 0;
    for field in fields(message).filter(|field| dropped(*field)) {
        out.put_slice(&message[kept..field.start]);
        kept = field.end;
    }
    out.put_slice(&message[kept..]);
}

/// Appends a tag. Empty names and values are written too, as Go does.
pub(crate) fn put_tag(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    if let (Ok(name_len @ ..=0x3C), Ok(value_len @ ..=0x3C)) =
        (u8::try_from(name.len()), u8::try_from(value.len()))
    {
        // The usual tag: every length takes one byte.
        out.put_slice(&[0x8A, 0x01, name_len + value_len + 4, 0x0A, name_len]);
        out.put_slice(name);
        out.put_slice(&[0x12, value_len]);
        return out.put_slice(value);
    }
    let len = put::bytes_len(TAG_NAME, name.len()) + put::bytes_len(TAG_VALUE, value.len());
    put::head(out, key::TAG, len);
    put::bytes(out, TAG_NAME, name);
    put::bytes(out, TAG_VALUE, value);
}

fn is_counter(peek: &PeekV1<'_>) -> bool {
    peek.event_type == EventType::CounterEvent as i32
}

/// A counter as the agent's table of totals sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: Vec<u8>,
    /// How much is added.
    pub delta: u64,
    /// The emitter's own total; 0 if it has none.
    pub total: u64,
    /// Name, origin and all tags (source id included), each with its length: the same
    /// bytes for the same counter.
    pub key: Vec<u8>,
}

/// The counter that an envelope carries. Takes what [`check`] accepts and found.
pub fn counter(datagram: &[u8], peek: &PeekV1<'_>) -> Option<Counter> {
    if !is_counter(peek) {
        return None;
    }
    let mut counter = Counter {
        name: Vec::new(),
        delta: 0,
        total: 0,
        key: Vec::with_capacity(datagram.len() + 32),
    };
    let body = peek.body();
    let mut name = &[][..];
    for field in fields(&body) {
        match field.key {
            NAME => name = field.bytes(),
            DELTA => counter.delta = field.varint(),
            TOTAL => counter.total = field.varint(),
            _ => {}
        }
    }
    counter.name.extend_from_slice(name);
    let tags = fields(datagram).filter(|field| field.key == key::TAG);
    // With its place, so that of a repeated name the last comes last.
    let mut tags: Vec<_> = tags
        .map(|field| peek_v1::tag(field.bytes()))
        .enumerate()
        .map(|(place, (name, value))| (name, place, value))
        .collect();
    tags.push((SOURCE_ID, usize::MAX, source_id(peek)));
    tags.sort_unstable();
    let last_of_name = tags
        .iter()
        .enumerate()
        .filter(|(i, tag)| tags.get(i + 1).is_none_or(|next| next.0 != tag.0));
    let tags = last_of_name.flat_map(|(_, (name, _, value))| [*name, *value]);
    for part in [name, peek.origin].into_iter().chain(tags) {
        put::varint(&mut counter.key, part.len() as u64);
        counter.key.extend_from_slice(part);
    }
    Some(counter)
}
