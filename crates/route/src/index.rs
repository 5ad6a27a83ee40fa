//! Who wants what: a new index at each subscribe and unsubscribe, then only read.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use logweir_proto::peek::{Kind, Peek};

use crate::{
    exchange::Subscriber,
    selector::{Selector, What},
    shard::Group,
};

/// Kinds of envelopes as bits. An envelope without a message has [`KindMask::NONE`],
/// which no selector asks for.
pub(crate) struct KindMask;

impl KindMask {
    pub(crate) const NONE: u8 = 1 << 7;

    pub(crate) const fn of(kind: Option<Kind>) -> u8 {
        match kind {
            None => Self::NONE,
            Some(Kind::Log) => 1,
            Some(Kind::Counter) => 1 << 1,
            Some(Kind::Gauge) => 1 << 2,
            Some(Kind::Timer) => 1 << 3,
            Some(Kind::Event) => 1 << 4,
        }
    }
}

/// What is wanted of one source, or of every source.
#[derive(Clone, Default)]
pub(crate) struct Wants {
    /// Subscribers that want whole kinds: slot and kinds.
    pub(crate) kinds: Vec<(u32, u8)>,
    /// Subscribers that want metrics of certain names.
    pub(crate) named: Vec<(u32, What)>,
    /// Shard groups.
    pub(crate) groups: Vec<(What, Group)>,
}

impl Wants {
    fn add(&mut self, slot: u32, selector: &Selector, members: &Members) {
        let Some(own) = members.get(slot) else { return };
        if !own.shard.is_empty() {
            return self.join(slot, own, selector, members);
        }
        if let What::Any(kind) = selector.what {
            let bit = KindMask::of(Some(kind));
            match self.kinds.iter_mut().find(|(own, _)| *own == slot) {
                Some((_, kinds)) => *kinds |= bit,
                None => self.kinds.push((slot, bit)),
            }
        } else {
            self.named.push((slot, selector.what.clone()));
        }
    }

    fn join(&mut self, slot: u32, own: &Subscriber, selector: &Selector, members: &Members) {
        let same =
            |(what, group): &&mut (What, Group)| *what == selector.what && group.shard == own.shard;
        match self.groups.iter_mut().find(same) {
            Some((_, group)) if group.members.contains(&slot) => {}
            Some((_, group)) => {
                group.members.push(slot);
                group.order(members);
            }
            None => {
                let mut group = Group::new(own.shard.clone(), slot);
                group.order(members);
                self.groups.push((selector.what.clone(), group));
            }
        }
    }

    fn remove(&mut self, slot: u32, members: &Members) {
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

    /// Whether a subscriber's named and grouped wishes need a look at this envelope.
    pub(crate) fn named_for<'a>(
        &'a self,
        envelope: &'a Peek<'_>,
    ) -> impl Iterator<Item = u32> + 'a {
        self.named
            .iter()
            .filter(|(_, what)| what.matches(envelope))
            .map(|(slot, _)| *slot)
    }
}

/// Subscribers by slot, in pages, of which a change copies one. The slot of one that
/// left is used again.
#[derive(Clone, Default)]
pub(crate) struct Members {
    pages: Vec<Arc<Page>>,
}

type Page = Vec<Option<Arc<Subscriber>>>;

/// Slots of a page.
const PAGE: usize = 128;

impl Members {
    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<Subscriber>> {
        let slot = slot as usize;
        self.pages.get(slot / PAGE)?.get(slot % PAGE)?.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Subscriber>> {
        self.pages.iter().flat_map(|page| page.iter().flatten())
    }

    fn set(&mut self, slot: u32, member: Option<Arc<Subscriber>>) {
        let slot = slot as usize;
        while self.pages.len() <= slot / PAGE {
            self.pages.push(Arc::new(vec![None; PAGE]));
        }
        if let Some(page) = self.pages.get_mut(slot / PAGE) {
            Arc::make_mut(page)[slot % PAGE] = member;
        }
    }
}

/// What is wanted of single sources, spread over parts, of which a change copies one.
#[derive(Clone)]
struct Sources {
    parts: Vec<Arc<Part>>,
    hasher: DefaultHashBuilder,
    count: usize,
}

type Part = HashTable<(Arc<str>, Arc<Wants>)>;

/// How many parts: one for each value of a byte of the hash.
const PARTS: usize = 256;

impl Sources {
    fn hash(&self, source: &str) -> (u64, usize) {
        let hash = self.hasher.hash_one(source);
        // The table itself uses the bits at both ends.
        let [.., part, _, _, _] = hash.to_le_bytes();
        (hash, usize::from(part))
    }

    fn get(&self, source: &str) -> Option<&Wants> {
        let (hash, part) = self.hash(source);
        let found = self.parts[part].find(hash, |(own, _)| **own == *source);
        found.map(|(_, wants)| &**wants)
    }

    fn change(&mut self, source: &str, change: impl FnOnce(&mut Wants)) {
        let (hash, part) = self.hash(source);
        let hasher = self.hasher.clone();
        let part = Arc::make_mut(&mut self.parts[part]);
        let same = |(own, _): &(Arc<str>, Arc<Wants>)| **own == *source;
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

impl Default for Sources {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| Arc::default()).collect(),
            hasher: DefaultHashBuilder::default(),
            count: 0,
        }
    }
}

/// All subscriptions of an exchange at one moment. A clone shares all that the next
/// change leaves alone, so that thousands of readers may come at once.
#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) members: Members,
    /// What is wanted of every source.
    pub(crate) every: Arc<Wants>,
    sources: Sources,
}

impl Index {
    /// What is wanted of one source alone.
    pub(crate) fn of(&self, source: &str) -> Option<&Wants> {
        self.sources.get(source)
    }

    /// Whether anything is wanted of single sources.
    pub(crate) fn has_sources(&self) -> bool {
        self.sources.count > 0
    }

    /// This index and one reader more, in a slot that is free.
    pub(crate) fn with(&self, slot: u32, member: Arc<Subscriber>) -> Self {
        let mut index = self.clone();
        index.members.set(slot, Some(Arc::clone(&member)));
        for selector in &member.selectors {
            index.change(selector, |wants, members| {
                wants.add(slot, selector, members)
            });
        }
        index
    }

    /// This index without the reader in a slot.
    pub(crate) fn without(&self, slot: u32) -> Self {
        let mut index = self.clone();
        let Some(member) = index.members.get(slot).cloned() else {
            return index;
        };
        index.members.set(slot, None);
        for selector in &member.selectors {
            index.change(selector, |wants, members| wants.remove(slot, members));
        }
        index
    }

    fn change(&mut self, selector: &Selector, change: impl FnOnce(&mut Wants, &Members)) {
        let members = &self.members;
        match &selector.source {
            None => change(Arc::make_mut(&mut self.every), members),
            Some(source) => self.sources.change(source, |wants| change(wants, members)),
        }
    }
}

#[cfg(test)]
mod tests;
