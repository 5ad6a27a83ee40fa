//! Totals of V1 counters that come in as deltas (spec loggregator-v1 §2.3, bounded).

use std::num::NonZeroUsize;

use logweir_wire::dropsonde::Counter;
use lru::LruCache;

/// Longest identity that is remembered, in bytes: the bound on the number of counters
/// is to bound memory too, and strangers choose names and tags.
const KEY_BYTES: usize = 8 << 10;

/// Remembers the total of each counter: by name, origin and tags.
pub(super) struct Totals(LruCache<Box<[u8]>, u64>);

impl Totals {
    /// Remembers at most `bound` counters (at least one); the least recently used goes.
    pub(super) fn new(bound: usize) -> Self {
        Self(LruCache::new(
            NonZeroUsize::new(bound).unwrap_or(NonZeroUsize::MIN),
        ))
    }

    /// Takes in one counter. Returns the total that it leaves with if it brought none.
    pub(super) fn observe(&mut self, counter: &Counter) -> Option<u64> {
        if counter.key.len() > KEY_BYTES {
            return (counter.total == 0).then_some(counter.delta);
        }
        let known = self.0.get_mut(&counter.key[..]);
        let total = match counter.total {
            0 => {
                let before = known.as_deref().copied().unwrap_or_default();
                before.wrapping_add(counter.delta)
            }
            total => total,
        };
        match known {
            Some(known) => *known = total,
            None => {
                self.0.put(counter.key.as_slice().into(), total);
            }
        }
        (counter.total == 0).then_some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(totals: &mut Totals, key: &[u8], delta: u64, total: u64) -> Option<u64> {
        totals.observe(&Counter {
            name: b"requests".to_vec(),
            delta,
            total,
            key: key.to_vec(),
        })
    }

    #[test]
    fn deltas_add_up_from_the_last_total() {
        let mut totals = Totals::new(10);
        assert_eq!(observe(&mut totals, b"a", 3, 0), Some(3));
        assert_eq!(observe(&mut totals, b"a", 4, 0), Some(7));
        assert_eq!(observe(&mut totals, b"a", 9, 100), None);
        assert_eq!(observe(&mut totals, b"a", 1, 0), Some(101));
        assert_eq!(observe(&mut totals, b"a", 0, 0), Some(101));
        assert_eq!(observe(&mut totals, b"b", 1, 0), Some(1));
    }

    #[test]
    fn a_full_table_forgets_only_the_least_recently_used() {
        let mut totals = Totals::new(2);
        observe(&mut totals, b"a", 1, 0);
        observe(&mut totals, b"b", 1, 0);
        observe(&mut totals, b"a", 1, 0);
        observe(&mut totals, b"c", 1, 0);
        assert_eq!(observe(&mut totals, b"a", 1, 0), Some(3));
        assert_eq!(observe(&mut totals, b"b", 1, 0), Some(1));
    }

    #[test]
    fn an_endless_identity_is_not_remembered() {
        let mut totals = Totals::new(2);
        let key = vec![b'k'; KEY_BYTES + 1];
        assert_eq!(observe(&mut totals, &key, 3, 0), Some(3));
        assert_eq!(observe(&mut totals, &key, 4, 0), Some(4));
        assert_eq!(observe(&mut totals, &key, 4, 9), None);
    }
}
