//! What is known of every source, by name.

use std::sync::{Arc, PoisonError};

use super::{SHARDS, SourceMeta, Store};

/// What is known of every source, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    order: Arc<Order>,
    metas: Vec<SourceMeta>,
}

/// The names in their order, and where their sources are. It holds until a source comes or
/// goes: sorting took most of the time of an answer.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// How often sources came or went when this was so, of each shard.
    changes: Vec<u64>,
    /// All names, one after the other.
    names: String,
    places: Vec<Place>,
}

/// Where a source is.
#[derive(Debug)]
struct Place {
    /// Where its name ends.
    end: usize,
    shard: usize,
    slot: usize,
}

impl Sources {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.metas.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.metas.is_empty()
    }

    /// Bytes of all names.
    pub fn name_bytes(&self) -> usize {
        self.order.names.len()
    }

    /// Name and figures of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, SourceMeta)> {
        let mut start = 0;
        let places = self.order.places.iter().zip(&self.metas);
        places.map(move |(place, meta)| {
            let name = &self.order.names[start..place.end];
            start = place.end;
            (name, *meta)
        })
    }
}

impl Store {
    /// What is known of every source.
    pub fn meta(&self) -> Sources {
        let order = || self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let known = Arc::clone(&order());
        if let Some(sources) = self.as_ordered(known) {
            return sources;
        }
        let fresh = self.ordered();
        *order() = Arc::clone(&fresh.order);
        fresh
    }

    /// The figures in an order that is known; `None` if it does not hold any more.
    fn as_ordered(&self, order: Arc<Order>) -> Option<Sources> {
        let mut shards = Vec::with_capacity(SHARDS);
        for index in 0..SHARDS {
            let shard = self.shard(index);
            if order.changes.get(index) != Some(&shard.changes) {
                return None;
            }
            let metas = shard.sources.iter();
            let metas = metas.map(|source| source.as_ref().map(|source| source.meta));
            shards.push(metas.map(Option::unwrap_or_default).collect::<Vec<_>>());
        }
        let metas = order.places.iter();
        let metas = metas.map(|place| shards[place.shard][place.slot]).collect();
        Some(Sources { order, metas })
    }

    /// The figures, and the order that holds now.
    fn ordered(&self) -> Sources {
        let mut order = Order::default();
        let mut all = Vec::new();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            order.changes.push(shard.changes);
            let sources = shard.sources.iter().enumerate();
            all.extend(sources.filter_map(|(slot, source)| {
                let source = source.as_ref()?;
                Some((Arc::clone(&source.name), index, slot, source.meta))
            }));
        }
        all.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut metas = Vec::with_capacity(all.len());
        for (name, shard, slot, meta) in all {
            order.names.push_str(&name);
            let end = order.names.len();
            order.places.push(Place { end, shard, slot });
            metas.push(meta);
        }
        Sources {
            order: Arc::new(order),
            metas,
        }
    }
}
