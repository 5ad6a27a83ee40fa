//! The latest envelopes of every source, within one budget.

use std::sync::Arc;

use crate::{
    limits::StoreLimits,
    query::{Page, Query},
    types::Types,
};

/// The latest envelopes of every source. Shared by reference: each method takes short
/// locks of its own.
#[derive(Debug)]
pub struct Store {
    limits: StoreLimits,
}

/// An envelope that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// Its source.
    pub source_id: &'a str,
    /// Its timestamp (nanoseconds since 1970).
    pub timestamp: i64,
    /// Its one type.
    pub types: Types,
    /// Its bytes, not framed.
    pub envelope: &'a [u8],
}

/// What is kept of a source, and what is not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceMeta {
    /// Envelopes that are kept.
    pub count: u64,
    /// Envelopes that went since the source was first heard of.
    pub expired: u64,
    /// The smallest timestamp that is kept.
    pub oldest: i64,
    /// The largest timestamp that came.
    pub newest: i64,
}

/// Envelopes that went, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// For room.
    pub budget: u64,
    /// For their age.
    pub age: u64,
    /// For newer ones of their source.
    pub per_source: u64,
}

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes that count against the budget.
    pub bytes: usize,
    /// Envelopes that are kept.
    pub envelopes: u64,
    /// Sources with any.
    pub sources: usize,
    /// Envelopes that came.
    pub put: u64,
    /// Envelopes that went.
    pub expired: Expired,
    /// The smallest timestamp that is kept.
    pub oldest: Option<i64>,
}

impl Store {
    /// An empty store.
    pub fn new(limits: StoreLimits) -> Self {
        Self { limits }
    }

    /// Keeps envelopes that came at `now` (nanoseconds since 1970). Their bytes are
    /// copied.
    pub fn put<'a>(&self, _now: i64, _envelopes: impl IntoIterator<Item = Put<'a>>) {}

    /// Envelopes of a source. Takes time in proportion to what it looks at: a query
    /// with names or a search belongs on a thread that may block.
    pub fn read(&self, _query: &Query) -> Page {
        Page::default()
    }

    /// What is known of every source, in no order.
    pub fn meta(&self) -> Vec<(Arc<str>, SourceMeta)> {
        Vec::new()
    }

    /// What is known of a source.
    pub fn meta_of(&self, _source_id: &str) -> Option<SourceMeta> {
        None
    }

    /// Drops what is too old at `now` (nanoseconds since 1970). To be called every few
    /// seconds.
    pub fn sweep(&self, _now: i64) {}

    /// What is kept now.
    pub fn stats(&self) -> StoreStats {
        StoreStats::default()
    }

    /// The bounds.
    pub fn limits(&self) -> &StoreLimits {
        &self.limits
    }
}
