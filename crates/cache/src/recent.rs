//! The latest log lines and container metrics of every source.

use bytes::Bytes;
use lru::LruCache;

use crate::source::{ENTRY_BYTES, Entry, Source};

/// Bounds of a [`Recent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentLimits {
    /// Most log lines of one source.
    pub logs_per_source: usize,
    /// Most bytes of all that is remembered, with what it takes to remember it.
    pub bytes: usize,
}

/// What is remembered at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecentStats {
    /// Sources with anything.
    pub sources: usize,
    /// Bytes that count against the bound.
    pub bytes: usize,
    /// Sources that were forgotten for the sake of others.
    pub evicted: u64,
}

/// The latest of every source. Past its bytes the source that was written to longest
/// ago is forgotten.
#[derive(Debug)]
pub struct Recent {
    limits: RecentLimits,
    /// The source written to last comes first.
    sources: LruCache<Box<str>, Source>,
    bytes: usize,
    evicted: u64,
}

impl Recent {
    /// An empty memory.
    pub fn new(limits: RecentLimits) -> Self {
        Self {
            limits,
            sources: LruCache::unbounded(),
            bytes: 0,
            evicted: 0,
        }
    }

    /// Remembers a log line: the bytes of its envelope, and their Unix time in
    /// nanoseconds.
    pub fn add_log(&mut self, source: &str, timestamp: i64, envelope: &[u8]) {
        let most = self.limits.logs_per_source;
        self.add(source, envelope, |own| {
            own.add_log(Entry::new(timestamp, envelope), most);
        });
    }

    /// Remembers the metrics of an instance of a source, unless later ones are known.
    pub fn add_metric(&mut self, source: &str, instance: i32, timestamp: i64, envelope: &[u8]) {
        self.add(source, envelope, |own| {
            own.add_metric(instance, Entry::new(timestamp, envelope));
        });
    }

    fn add(&mut self, source: &str, envelope: &[u8], add: impl FnOnce(&mut Source)) {
        let named = source.len() + ENTRY_BYTES;
        if named + envelope.len() + ENTRY_BYTES > self.limits.bytes {
            return;
        }
        if !self.sources.contains(source) {
            self.sources.push(source.into(), Source::default());
            self.bytes += named;
        }
        // The look-up is also what makes it the source written to last.
        let Some(own) = self.sources.get_mut(source) else {
            return;
        };
        let before = own.bytes;
        add(own);
        self.bytes = self.bytes + own.bytes - before;
        while self.bytes > self.limits.bytes && self.sources.len() > 1 {
            if let Some((name, gone)) = self.sources.pop_lru() {
                self.bytes -= gone.bytes + name.len() + ENTRY_BYTES;
                self.evicted += 1;
            }
        }
        while self.bytes > self.limits.bytes {
            let Some(own) = self.sources.get_mut(source) else {
                return;
            };
            let before = own.bytes;
            if !own.drop_one() {
                return;
            }
            self.bytes = self.bytes + own.bytes - before;
        }
    }

    /// The latest log lines of a source, at most `limit`, in the order of time; lines of
    /// the same time as they came.
    pub fn logs(&self, source: &str, limit: usize) -> Vec<Bytes> {
        let Some(own) = self.sources.peek(source) else {
            return Vec::new();
        };
        let mut all: Vec<&Entry> = own.logs.iter().collect();
        all.sort_by_key(|entry| entry.timestamp);
        let latest = all.split_off(all.len().saturating_sub(limit));
        latest.iter().map(|entry| entry.envelope.clone()).collect()
    }

    /// The metrics of each instance of a source that are not from before `since` (Unix
    /// time in nanoseconds), by instance.
    pub fn metrics(&self, source: &str, since: i64) -> Vec<Bytes> {
        let Some(own) = self.sources.peek(source) else {
            return Vec::new();
        };
        let all = own.metrics.iter();
        let mut fresh: Vec<_> = all.filter(|(_, entry)| entry.timestamp >= since).collect();
        fresh.sort_unstable_by_key(|(instance, _)| **instance);
        fresh
            .iter()
            .map(|(_, entry)| entry.envelope.clone())
            .collect()
    }

    /// What is remembered now.
    pub fn stats(&self) -> RecentStats {
        RecentStats {
            sources: self.sources.len(),
            bytes: self.bytes,
            evicted: self.evicted,
        }
    }
}

#[cfg(test)]
mod tests;
