//! Batches that were taken already: whoever gets no answer sends a batch again, under the
//! same id.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;

/// So many ids are known at most; then the oldest are forgotten.
const IDS: usize = 64 << 10;
/// Longer ids are nobody's.
const LONGEST: usize = 128;

/// Ids of batches, for a while.
pub(super) struct Dedupe {
    window: Duration,
    /// Ids are kept as two hashes under keys of this process, which no sender can make
    /// collide.
    hashers: [RandomState; 2],
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    known: HashSet<(u64, u64)>,
    order: VecDeque<(Instant, (u64, u64))>,
}

impl Dedupe {
    /// Knows an id for `window`; for zero none.
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            hashers: Default::default(),
            seen: Mutex::default(),
        }
    }

    /// Whether this sender's batch is here for the first time. From then on it is known.
    pub(super) fn is_new(&self, sender: &str, id: &BatchId, now: Instant) -> bool {
        if self.window.is_zero() {
            return true;
        }
        let key = self
            .hashers
            .each_ref()
            .map(|one| one.hash_one((sender, id)));
        let key = (key[0], key[1]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { known, order } = &mut *seen;
        while let Some((at, old)) = order.front() {
            if order.len() < IDS && now.duration_since(*at) < self.window {
                break;
            }
            known.remove(old);
            order.pop_front();
        }
        let new = known.insert(key);
        if new {
            order.push_back((now, key));
        }
        new
    }
}

/// What a sender calls a batch, the same each time it sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum BatchId {
    /// `Logplex-Frame-Id`, of a drain of Logplex.
    Frame(Vec<u8>),
    /// `X-Request-Id` if it is a UUID, as log-shuttle's is. A proxy on the way may set one of
    /// its own, but never twice the same.
    Request(Vec<u8>),
}

impl BatchId {
    /// Of a request.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if let Some(id) = headers.get("logplex-frame-id") {
            let id = id.as_bytes();
            return (1..=LONGEST)
                .contains(&id.len())
                .then(|| Self::Frame(id.to_vec()));
        }
        let id = headers.get("x-request-id")?.as_bytes();
        is_uuid(id).then(|| Self::Request(id.to_ascii_lowercase()))
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: usize) -> BatchId {
        BatchId::Frame(id.to_string().into_bytes())
    }

    #[test]
    fn an_id_is_known_to_its_sender_for_the_window() {
        let dedupe = Dedupe::new(Duration::from_secs(300));
        let start = Instant::now();
        assert!(dedupe.is_new("a", &frame(1), start));
        assert!(!dedupe.is_new("a", &frame(1), start));
        assert!(dedupe.is_new("b", &frame(1), start));
        assert!(dedupe.is_new("a", &BatchId::Request(b"1".to_vec()), start));
        let last = start + Duration::from_secs(299);
        assert!(!dedupe.is_new("a", &frame(1), last));
        assert!(dedupe.is_new("a", &frame(1), start + Duration::from_secs(300)));
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let dedupe = Dedupe::new(Duration::from_secs(300));
        let now = Instant::now();
        for id in 0..=IDS {
            assert!(dedupe.is_new("a", &frame(id), now));
        }
        let seen = dedupe.seen.lock().unwrap();
        assert_eq!((seen.known.len(), seen.order.len()), (IDS, IDS));
        drop(seen);
        assert!(!dedupe.is_new("a", &frame(IDS), now));
        assert!(dedupe.is_new("a", &frame(0), now));
    }

    #[test]
    fn a_window_of_zero_knows_nothing() {
        let dedupe = Dedupe::new(Duration::ZERO);
        let now = Instant::now();
        assert!(dedupe.is_new("a", &frame(1), now));
        assert!(dedupe.is_new("a", &frame(1), now));
    }

    #[test]
    fn ids_of_requests() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            BatchId::of(&headers)
        };
        let uuid = "6ba7b810-9dad-11d1-80b4-00C04FD430C8";
        let request = BatchId::Request(uuid.to_lowercase().into_bytes());
        assert_eq!(of("x-request-id", uuid), Some(request));
        assert_eq!(of("x-request-id", "1"), None);
        let frame = BatchId::Frame(b"1".to_vec());
        assert_eq!(of("logplex-frame-id", "1"), Some(frame));
        assert_eq!(of("logplex-frame-id", ""), None);
        assert_eq!(of("logplex-frame-id", &"x".repeat(129)), None);
        assert_eq!(of("x-other", uuid), None);
    }
}
