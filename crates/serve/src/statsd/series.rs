//! The running values of the series that lines add to.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
};

use hashbrown::HashSet;
use logweir_wire::statsd::{Kind, Sample, Value};
use lru::LruCache;

/// Longest identity that is remembered, in bytes: the bound on the number of series is to
/// bound memory too, and strangers choose names and tags.
const KEY_BYTES: usize = 8 << 10;

/// Most members of all sets together within one interval.
const MEMBERS: usize = 100_000;

/// Whom a metric is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) source_id: String,
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
}

/// What a line says now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// A value in a unit.
    Gauge(f64, &'static str),
    /// What a counter grew by.
    Delta(u64),
}

/// The series of a door.
pub(super) struct Series {
    /// Sums and last readings.
    values: LruCache<Vec<u8>, f64>,
    sets: LruCache<Box<[u8]>, Set>,
    members: usize,
    hasher: RandomState,
    key: Vec<u8>,
    counter_envelopes: bool,
}

struct Set {
    identity: Identity,
    members: HashSet<u64>,
}

impl Series {
    /// Remembers at most `bound` values and as many sets.
    pub(super) fn new(bound: usize, counter_envelopes: bool) -> Self {
        let bound = NonZeroUsize::new(bound).unwrap_or(NonZeroUsize::MIN);
        Self {
            values: LruCache::new(bound),
            sets: LruCache::new(bound),
            members: 0,
            hasher: RandomState::new(),
            key: Vec::new(),
            counter_envelopes,
        }
    }

    /// Takes in a number. None if it changes nothing that can be told now.
    pub(super) fn observe(
        &mut self,
        sample: &Sample<'_>,
        identity: &Identity,
        value: f64,
    ) -> Option<Reading> {
        match sample.kind {
            Kind::Counter if self.counter_envelopes => {
                let sum = self.value(sample.kind, identity);
                *sum = bounded(*sum + value / sample.rate);
                // What is less than one waits, and so does what is less than nothing.
                let whole = sum.trunc().max(0.0);
                *sum -= whole;
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
                let delta = whole as u64;
                (delta > 0).then_some(Reading::Delta(delta))
            }
            Kind::Counter => {
                let sum = self.value(sample.kind, identity);
                *sum = bounded(*sum + value / sample.rate);
                Some(Reading::Gauge(*sum, "counter"))
            }
            Kind::Gauge => {
                let last = self.value(sample.kind, identity);
                *last = match sample.sign {
                    Some(_) => bounded(*last + value),
                    None => value,
                };
                Some(Reading::Gauge(*last, "gauge"))
            }
            Kind::Timer => Some(Reading::Gauge(value, "ms")),
            Kind::Histogram => Some(Reading::Gauge(value, "histogram")),
            Kind::Distribution => Some(Reading::Gauge(value, "distribution")),
            // Its value is no number.
            Kind::Set => None,
        }
    }

    /// Adds a member to a set. False if there are too many of them.
    pub(super) fn add_member(&mut self, identity: &Identity, member: &str) -> bool {
        write_key(&mut self.key, Kind::Set, identity);
        if self.key.len() > KEY_BYTES || self.members >= MEMBERS {
            return false;
        }
        let member = self.hasher.hash_one(member);
        if let Some(set) = self.sets.get_mut(&self.key[..]) {
            self.members += usize::from(set.members.insert(member));
            return true;
        }
        let set = Set {
            identity: identity.clone(),
            members: [member].into_iter().collect(),
        };
        self.members += 1;
        let gone = self.sets.push(self.key.as_slice().into(), set);
        self.members -= gone.map_or(0, |(_, set)| set.members.len());
        true
    }

    /// Empties all sets and gives their sizes.
    pub(super) fn sets(&mut self) -> Vec<(Identity, usize)> {
        self.members = 0;
        let mut sizes = Vec::with_capacity(self.sets.len());
        while let Some((_, set)) = self.sets.pop_lru() {
            sizes.push((set.identity, set.members.len()));
        }
        sizes
    }

    /// The remembered value; nothing at first.
    fn value(&mut self, kind: Kind, identity: &Identity) -> &mut f64 {
        write_key(&mut self.key, kind, identity);
        // Longer ones share one place: too rare to be worth more, and bounded.
        self.key.truncate(KEY_BYTES);
        self.values.get_or_insert_mut_ref(&self.key[..], || 0.0)
    }
}

fn bounded(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

fn write_key(key: &mut Vec<u8>, kind: Kind, identity: &Identity) {
    key.clear();
    key.push(match kind {
        Kind::Counter => b'c',
        Kind::Gauge => b'g',
        Kind::Timer => b't',
        Kind::Histogram => b'h',
        Kind::Distribution => b'd',
        Kind::Set => b's',
    });
    let tags = identity.tags.iter().flat_map(|(name, value)| [name, value]);
    for part in [&identity.source_id, &identity.name]
        .into_iter()
        .chain(tags)
    {
        key.extend_from_slice(&part.len().to_be_bytes());
        key.extend_from_slice(part.as_bytes());
    }
}

/// The number of a sample that has one.
pub(super) fn number(sample: &Sample<'_>) -> Option<f64> {
    match sample.value {
        Value::Number(number) => Some(number),
        Value::Member(_) => None,
    }
}

#[cfg(test)]
mod tests;
