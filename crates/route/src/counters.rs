//! Totals of counters that come in as deltas.
//!
//! The rules are the V2 spec's §3.5 with the fixes of §10.2: a counter that reports
//! neither delta nor total leaves a delta-fed total alone, the instance is part of
//! the identity, and a full table loses its least recently used entry, not all.

use std::num::NonZeroUsize;

use logweir_proto::v2;
use lru::LruCache;

/// What feeds a total: the deltas of its counter, or the totals it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fed {
    ByDeltas,
    ByTotals,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    total: u64,
    fed: Fed,
}

/// Longest identity that is remembered, in bytes: the bound on the number of counters
/// is to bound memory too, and strangers choose names and tags. Longer ones are
/// forgotten at once.
const KEY_BYTES: usize = 8 << 10;

/// Remembers the total of each counter: by name, source id, instance id and tags.
pub struct Totals {
    sums: LruCache<Box<[u8]>, Sum>,
    key: Vec<u8>,
    evicted: u64,
}

impl Totals {
    /// Remembers at most `bound` counters (at least one).
    pub fn new(bound: usize) -> Self {
        let bound = NonZeroUsize::new(bound).unwrap_or(NonZeroUsize::MIN);
        Self {
            sums: LruCache::new(bound),
            key: Vec::new(),
            evicted: 0,
        }
    }

    /// Takes in one counter envelope, tags already added, and returns the total
    /// that it leaves with.
    pub fn observe(&mut self, envelope: &v2::Envelope, counter: &v2::Counter) -> u64 {
        write_key(&mut self.key, envelope, counter);
        if self.key.len() > KEY_BYTES {
            self.key = Vec::new();
            self.evicted += 1;
            return match counter.total {
                0 => counter.delta,
                total => total,
            };
        }
        if let Some(sum) = self.sums.get_mut(&self.key[..]) {
            match (counter.delta, counter.total) {
                (0, 0) => {
                    if sum.fed == Fed::ByTotals {
                        sum.total = 0;
                    }
                }
                (delta, 0) => {
                    *sum = Sum {
                        total: sum.total.wrapping_add(delta),
                        fed: Fed::ByDeltas,
                    };
                }
                (_, total) => {
                    *sum = Sum {
                        total,
                        fed: Fed::ByTotals,
                    }
                }
            }
            return sum.total;
        }
        let sum = match (counter.delta, counter.total) {
            (delta, 0) => Sum {
                total: delta,
                fed: if delta == 0 {
                    Fed::ByTotals
                } else {
                    Fed::ByDeltas
                },
            },
            (_, total) => Sum {
                total,
                fed: Fed::ByTotals,
            },
        };
        if self.sums.push(self.key.as_slice().into(), sum).is_some() {
            self.evicted += 1;
        }
        sum.total
    }

    /// Counters that are remembered.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// Counters that were forgotten because the table was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// Every part with its length before it, so that no two identities share a key.
fn write_key(key: &mut Vec<u8>, envelope: &v2::Envelope, counter: &v2::Counter) {
    key.clear();
    let tags = envelope.tags.iter().flat_map(|(name, value)| [name, value]);
    for part in [&counter.name, &envelope.source_id, &envelope.instance_id]
        .into_iter()
        .chain(tags)
    {
        key.extend_from_slice(&part.len().to_le_bytes());
        key.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(totals: &mut Totals, name: &str, delta: u64, total: u64) -> u64 {
        let counter = v2::Counter {
            name: name.into(),
            delta,
            total,
        };
        totals.observe(&v2::Envelope::default(), &counter)
    }

    #[test]
    fn deltas_add_up_and_totals_take_over() {
        let mut totals = Totals::new(10);
        assert_eq!(observe(&mut totals, "a", 3, 0), 3);
        assert_eq!(observe(&mut totals, "a", 4, 0), 7);
        assert_eq!(observe(&mut totals, "a", 9, 100), 100);
        assert_eq!(observe(&mut totals, "a", 1, 0), 101);
        assert_eq!(observe(&mut totals, "a", u64::MAX, 0), 100);
    }

    #[test]
    fn an_idle_counter_keeps_a_delta_fed_total_and_resets_a_reported_one() {
        let mut totals = Totals::new(10);
        observe(&mut totals, "deltas", 5, 0);
        assert_eq!(observe(&mut totals, "deltas", 0, 0), 5);
        observe(&mut totals, "totals", 0, 5);
        assert_eq!(observe(&mut totals, "totals", 0, 0), 0);
    }

    #[test]
    fn a_full_table_forgets_only_the_least_recently_used() {
        let mut totals = Totals::new(2);
        observe(&mut totals, "a", 1, 0);
        observe(&mut totals, "b", 1, 0);
        observe(&mut totals, "a", 1, 0);
        observe(&mut totals, "c", 1, 0);
        assert_eq!(observe(&mut totals, "a", 1, 0), 3);
        assert_eq!(observe(&mut totals, "b", 1, 0), 1);
        assert_eq!(totals.evicted(), 2);
        assert_eq!(totals.len(), 2);
    }

    #[test]
    fn an_endless_name_is_not_remembered() {
        let mut totals = Totals::new(10);
        let name = "n".repeat(KEY_BYTES);
        assert_eq!(observe(&mut totals, &name, 3, 0), 3);
        assert_eq!(observe(&mut totals, &name, 4, 0), 4);
        assert_eq!(observe(&mut totals, &name, 4, 100), 100);
        assert_eq!((totals.len(), totals.evicted()), (0, 3));
    }

    #[test]
    fn source_instance_and_tags_tell_counters_apart() {
        let mut totals = Totals::new(10);
        let counter = v2::Counter {
            name: "n".into(),
            delta: 1,
            total: 0,
        };
        let with = |source: &str, instance: &str, tag: &str| v2::Envelope {
            source_id: source.into(),
            instance_id: instance.into(),
            tags: [("k".to_owned(), tag.to_owned())].into(),
            ..v2::Envelope::default()
        };
        let envelopes = [
            with("a", "", ""),
            with("", "a", ""),
            with("a", "0", ""),
            with("a", "", "v"),
        ];
        for envelope in &envelopes {
            assert_eq!(totals.observe(envelope, &counter), 1);
        }
        assert_eq!(totals.observe(&envelopes[0], &counter), 2);
    }
}
