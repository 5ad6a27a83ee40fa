//! Answers of UAA and CAPI that granted something, remembered for a while.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest;
use lru::LruCache;
use tokio::time::Instant;

/// What was granted: a SHA-256 over the token and the source, so that no token is
/// kept, and so that each entry has the same size whatever a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant([u8; 32]);

impl Grant {
    /// The token reads everything.
    pub(crate) fn everything(token: &str) -> Self {
        Self::hash(b"everything", "", token)
    }

    /// The token reads one source.
    pub(crate) fn source(token: &str, source: &str) -> Self {
        Self::hash(b"source", source, token)
    }

    fn hash(kind: &[u8], source: &str, token: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(kind);
        // The length keeps (source, token) apart from any other split of the bytes.
        context.update(&source.len().to_be_bytes());
        context.update(source.as_bytes());
        context.update(token.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

/// Remembers grants. Refusals are never remembered: a right that was just given
/// must work at once.
#[derive(Debug)]
pub(crate) struct GrantCache {
    ttl: Duration,
    entries: Option<Mutex<LruCache<Grant, Instant>>>,
}

impl GrantCache {
    /// With no time or no room, nothing is remembered.
    pub(crate) fn new(ttl: Duration, entries: usize) -> Self {
        let entries = NonZeroUsize::new(entries).filter(|_| !ttl.is_zero());
        // Not `LruCache::new`, which takes the memory for all entries at once.
        let empty = |capacity| {
            let mut cache = LruCache::unbounded();
            cache.resize(capacity);
            Mutex::new(cache)
        };
        Self {
            ttl,
            entries: entries.map(empty),
        }
    }

    pub(crate) fn holds(&self, grant: Grant) -> bool {
        let Some(entries) = &self.entries else {
            return false;
        };
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(&grant) {
            Some(until) if Instant::now() < *until => true,
            Some(_) => {
                entries.pop(&grant);
                false
            }
            None => false,
        }
    }

    pub(crate) fn remember(&self, grant: Grant) {
        if let Some(entries) = &self.entries {
            let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.put(grant, Instant::now() + self.ttl);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_grant_is_forgotten_after_its_time() {
        let cache = GrantCache::new(Duration::from_secs(30), 10);
        cache.remember(Grant::everything("t"));
        assert!(cache.holds(Grant::everything("t")));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(cache.holds(Grant::everything("t")));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!cache.holds(Grant::everything("t")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_recently_used_grant_goes_first() {
        let cache = GrantCache::new(Duration::from_secs(30), 2);
        cache.remember(Grant::source("t", "a"));
        cache.remember(Grant::source("t", "b"));
        assert!(cache.holds(Grant::source("t", "a")));
        cache.remember(Grant::source("t", "c"));
        assert!(cache.holds(Grant::source("t", "a")));
        assert!(!cache.holds(Grant::source("t", "b")));
        assert!(cache.holds(Grant::source("t", "c")));
    }

    #[tokio::test]
    async fn no_time_or_no_room_means_no_cache() {
        for cache in [
            GrantCache::new(Duration::ZERO, 10),
            GrantCache::new(Duration::from_secs(30), 0),
        ] {
            cache.remember(Grant::everything("t"));
            assert!(!cache.holds(Grant::everything("t")));
        }
    }

    #[test]
    fn grants_differ_by_token_source_and_kind() {
        let grants = [
            Grant::everything("ab"),
            Grant::source("ab", ""),
            Grant::source("b", "a"),
            Grant::source("a", "b"),
            Grant::source("", "ab"),
        ];
        for (position, grant) in grants.iter().enumerate() {
            assert!(!grants[..position].contains(grant));
        }
    }
}
