//! Bounds of a store.

use std::time::Duration;

use crate::types::Types;

/// Bounds of a [`Store`](crate::Store).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Most bytes of all sources together, with what it takes to keep them.
    pub bytes: usize,
    /// What came this long ago goes, by the store's clock and not by what the envelope
    /// says; `None` keeps it for as long as there is room.
    pub max_age: Option<Duration>,
    /// Types that are kept for a time of their own.
    pub max_age_of: Vec<(Types, Duration)>,
    /// Most envelopes of one source and one type: a talkative timer does not push log
    /// lines out. Up to a sixteenth less are kept, as what goes are blocks.
    pub per_source_envelopes: Option<u64>,
    /// Whether what is kept is compressed. It takes a quarter of the room then and twice
    /// the time to put.
    pub compress: bool,
}
