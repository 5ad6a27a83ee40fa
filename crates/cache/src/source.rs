//! What is remembered of one source.

use std::collections::VecDeque;

use bytes::Bytes;
use hashbrown::HashMap;

/// What an entry takes besides its bytes: its place in a list, its allocation.
pub(crate) const ENTRY_BYTES: usize = 64;

/// Most instances of a source whose metrics are remembered.
const INSTANCES: usize = 1000;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) timestamp: i64,
    pub(crate) envelope: Bytes,
}

impl Entry {
    pub(crate) fn new(timestamp: i64, envelope: &[u8]) -> Self {
        Self {
            timestamp,
            envelope: Bytes::copy_from_slice(envelope),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.envelope.len() + ENTRY_BYTES
    }
}

/// The entries of one source.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// As they came, the oldest first.
    pub(crate) logs: VecDeque<Entry>,
    /// By instance.
    pub(crate) metrics: HashMap<i32, Entry>,
    pub(crate) bytes: usize,
}

impl Source {
    pub(crate) fn add_log(&mut self, entry: Entry, most: usize) {
        self.bytes += entry.bytes();
        self.logs.push_back(entry);
        while self.logs.len() > most {
            self.drop_log();
        }
    }

    /// Keeps the newest of each instance.
    pub(crate) fn add_metric(&mut self, instance: i32, entry: Entry) {
        let known = self.metrics.get(&instance);
        if known.is_some_and(|known| known.timestamp > entry.timestamp) {
            return;
        }
        if known.is_none() && self.metrics.len() >= INSTANCES {
            self.drop_metric();
        }
        self.bytes += entry.bytes();
        if let Some(older) = self.metrics.insert(instance, entry) {
            self.bytes -= older.bytes();
        }
    }

    /// Drops what can be spared first: the oldest log line, or without any the oldest
    /// metric. False if there is nothing.
    pub(crate) fn drop_one(&mut self) -> bool {
        self.drop_log() || self.drop_metric()
    }

    fn drop_log(&mut self) -> bool {
        let oldest = self.logs.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, Entry::bytes);
        oldest.is_some()
    }

    fn drop_metric(&mut self) -> bool {
        let all = self.metrics.iter();
        let oldest = all.min_by_key(|(_, entry)| entry.timestamp);
        let oldest = oldest.map(|(instance, _)| *instance);
        let oldest = oldest.and_then(|instance| self.metrics.remove(&instance));
        self.bytes -= oldest.as_ref().map_or(0, Entry::bytes);
        oldest.is_some()
    }
}
