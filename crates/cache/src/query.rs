//! What is asked of a store, and its answer.

use bytes::Bytes;

use crate::types::Types;

/// Which envelopes of a source.
#[derive(Clone, Debug)]
pub struct Query {
    /// The source.
    pub source_id: String,
    /// The first timestamp (nanoseconds since 1970).
    pub start: i64,
    /// The first timestamp after it.
    pub end: i64,
    /// Most envelopes. Envelopes of one timestamp are not divided: the page holds more
    /// then, up to [`Query::OVERSHOOT`] more.
    pub limit: usize,
    /// Most bytes of envelopes; one is answered though it has more.
    pub max_bytes: usize,
    /// Most bytes of envelopes that are looked at to find those that match.
    pub max_scan: usize,
    /// Of these types only.
    pub types: Types,
    /// The newest first; otherwise the oldest.
    pub descending: bool,
    /// In the order in which they came instead of that of their timestamps. `start` and
    /// `end` say nothing then, and the timestamps of places are those of the order.
    pub as_they_came: bool,
    /// Only metrics whose name has a match: counters, timers, and gauges with what of
    /// their metrics matches.
    pub names: Option<regex::Regex>,
    /// Only log lines whose payload has a match.
    pub search: Option<regex::bytes::Regex>,
    /// Only what comes after this place, in the direction that is asked for.
    pub after: Option<Cursor>,
}

impl Query {
    /// How many more than its limit a page may hold so as not to divide a timestamp.
    pub const OVERSHOOT: usize = 4000;

    /// All of a source, oldest first.
    pub fn all(source_id: impl Into<String>) -> Self {
        Self {
            source_id: source_id.into(),
            start: i64::MIN,
            end: i64::MAX,
            limit: usize::MAX,
            max_bytes: usize::MAX,
            max_scan: usize::MAX,
            types: Types::ANY,
            descending: false,
            as_they_came: false,
            names: None,
            search: None,
            after: None,
        }
    }
}

/// A place between the envelopes of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The timestamp of the envelope before it (nanoseconds since 1970).
    pub timestamp: i64,
    /// Its place among those of the timestamp.
    pub sequence: u64,
}

/// Envelopes in the order asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The envelopes, not framed.
    pub envelopes: Vec<Bytes>,
    /// For each of them, which one it is of all that came: see
    /// [`Store::mark`](crate::Store::mark).
    pub sequences: Vec<u64>,
    /// Where the next page begins; `None` if there is nothing more.
    pub next: Option<Cursor>,
}
