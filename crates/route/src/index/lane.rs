//! What the readers of one generation want, of every source and of single ones.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

use super::Members;
use crate::{exchange::Subscriber, shard::Group};

/// What a reader of one generation asks for.
pub(crate) trait Wish: Clone + PartialEq {
    /// The kinds as bits, if it is whole kinds.
    fn kinds(&self) -> Option<u8>;
}

/// What is wanted of one source, or of every source.
#[derive(Clone)]
pub(crate) struct Wants<W> {
    /// Subscribers that want whole kinds: slot and kinds.
    pub(crate) kinds: Vec<(u32, u8)>,
    /// Subscribers that want metrics of certain names.
    pub(crate) named: Vec<(u32, W)>,
    /// Shard groups.
    pub(crate) groups: Vec<(W, Group)>,
}

impl<W> Default for Wants<W> {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            named: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl<W: Wish> Wants<W> {
    pub(super) fn add(&mut self, slot: u32, wish: &W, members: &Members) {
        let Some(own) = members.get(slot) else { return };
        if !own.shard.is_empty() {
            return self.join(slot, own, wish, members);
        }
        if let Some(bits) = wish.kinds() {
            match self.kinds.iter_mut().find(|(own, _)| *own == slot) {
                Some((_, kinds)) => *kinds |= bits,
                None => self.kinds.push((slot, bits)),
            }
        } else {
            self.named.push((slot, wish.clone()));
        }
    }

    fn join(&mut self, slot: u32, own: &Subscriber, wish: &W, members: &Members) {
        let same = |(what, group): &&mut (W, Group)| *what == *wish && group.shard == own.shard;
        match self.groups.iter_mut().find(same) {
            Some((_, group)) if group.members.contains(&slot) => {}
            Some((_, group)) => {
                group.members.push(slot);
                group.order(members);
            }
            None => {
                let mut group = Group::new(own.shard.clone(), slot);
                group.order(members);
                self.groups.push((wish.clone(), group));
            }
        }
    }

    pub(super) fn remove(&mut self, slot: u32, members: &Members) {
        self.kinds.retain(|(own, _)| *own != slot);
        self.named.retain(|(own, _)| *own != slot);
        self.groups.retain_mut(|(_, group)| {
            if group.members.contains(&slot) {
                group.members.retain(|own| *own != slot);
                group.order(members);
            }
            !group.members.is_empty()
        });
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.named.is_empty() && self.groups.is_empty()
    }
}

/// What is wanted of single sources, spread over parts, of which a change copies one.
#[derive(Clone)]
struct Sources<W> {
    parts: Vec<Arc<Part<W>>>,
    hasher: DefaultHashBuilder,
    count: usize,
}

type Part<W> = HashTable<(Arc<str>, Arc<Wants<W>>)>;

/// How many parts: one for each value of a byte of the hash.
const PARTS: usize = 256;

impl<W: Wish> Sources<W> {
    fn hash(&self, source: &str) -> (u64, usize) {
        let hash = self.hasher.hash_one(source);
        // The table itself uses the bits at both ends.
        let [.., part, _, _, _] = hash.to_le_bytes();
        (hash, usize::from(part))
    }

    fn get(&self, source: &str) -> Option<&Wants<W>> {
        if self.count == 0 {
            return None;
        }
        let (hash, part) = self.hash(source);
        let found = self.parts[part].find(hash, |(own, _)| **own == *source);
        found.map(|(_, wants)| &**wants)
    }

    fn change(&mut self, source: &str, change: impl FnOnce(&mut Wants<W>)) {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Arc::default);
        }
        let (hash, part) = self.hash(source);
        let hasher = self.hasher.clone();
        let part = Arc::make_mut(&mut self.parts[part]);
        let same = |(own, _): &(Arc<str>, Arc<Wants<W>>)| **own == *source;
        match part.entry(hash, same, |(own, _)| hasher.hash_one(&**own)) {
            Entry::Occupied(mut entry) => {
                let wants = Arc::make_mut(&mut entry.get_mut().1);
                change(wants);
                if wants.is_empty() {
                    entry.remove();
                    self.count -= 1;
                }
            }
            Entry::Vacant(entry) => {
                let mut wants = Wants::default();
                change(&mut wants);
                if !wants.is_empty() {
                    entry.insert((source.into(), Arc::new(wants)));
                    self.count += 1;
                }
            }
        }
    }
}

impl<W> Default for Sources<W> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            count: 0,
        }
    }
}

/// What the readers of one generation want.
#[derive(Clone)]
pub(crate) struct Lane<W> {
    /// What is wanted of every source.
    pub(crate) every: Arc<Wants<W>>,
    sources: Sources<W>,
}

impl<W> Default for Lane<W> {
    fn default() -> Self {
        Self {
            every: Arc::default(),
            sources: Sources::default(),
        }
    }
}

impl<W: Wish> Lane<W> {
    /// What is wanted of one source alone.
    pub(crate) fn of(&self, source: &str) -> Option<&Wants<W>> {
        self.sources.get(source)
    }

    /// Whether anything is wanted of single sources.
    pub(crate) fn has_sources(&self) -> bool {
        self.sources.count > 0
    }

    /// Nobody reads this generation.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_sources() && self.every.is_empty()
    }

    pub(super) fn change(&mut self, source: Option<&str>, change: impl FnOnce(&mut Wants<W>)) {
        match source {
            None => change(Arc::make_mut(&mut self.every)),
            Some(source) => self.sources.change(source, change),
        }
    }
}
