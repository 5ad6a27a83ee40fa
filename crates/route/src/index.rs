//! Who wants what: a new index at each subscribe and unsubscribe, then only read.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use logweir_proto::peek::{Kind, Peek};

use crate::{
    exchange::Subscriber,
    selector::{Selector, What},
    shard::Group,
    tap::Tapped,
    v1::Classes,
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

/// What a reader of one generation asks for.
pub(crate) trait Wish: Clone + PartialEq {
    /// The kinds as bits, if it is whole kinds.
    fn kinds(&self) -> Option<u8>;
}

impl Wish for What {
    fn kinds(&self) -> Option<u8> {
        match self {
            What::Any(kind) => Some(KindMask::of(Some(*kind))),
            What::Counter(_) | What::Gauge(_) => None,
        }
    }
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
    fn add(&mut self, slot: u32, wish: &W, members: &Members) {
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
}

impl Wants<What> {
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

    fn change(&mut self, source: Option<&str>, change: impl FnOnce(&mut Wants<W>)) {
        match source {
            None => change(Arc::make_mut(&mut self.every)),
            Some(source) => self.sources.change(source, change),
        }
    }
}

/// All subscriptions of an exchange at one moment. A clone shares all that the next
/// change leaves alone, so that thousands of readers may come at once.
#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) members: Members,
    pub(crate) v2: Lane<What>,
    pub(crate) v1: Lane<Classes>,
    /// Queues of this process's own, which are in no books.
    pub(crate) taps: Vec<Arc<Tapped>>,
}

/// What one reader asked for.
pub(crate) enum Wishes {
    V2(Vec<Selector>),
    V1 {
        app: Option<Box<str>>,
        classes: Classes,
    },
    /// Nothing: its queue is filled directly.
    Fed,
}

impl Index {
    /// This index and one reader more, in a slot that is free.
    pub(crate) fn with(&self, slot: u32, member: Arc<Subscriber>) -> Self {
        let mut index = self.clone();
        index.members.set(slot, Some(Arc::clone(&member)));
        let members = &index.members;
        match &member.wishes {
            Wishes::V2(selectors) => {
                for Selector { source, what } in selectors {
                    index.v2.change(source.as_deref(), |wants| {
                        wants.add(slot, what, members);
                    });
                }
            }
            Wishes::V1 { app, classes } => index.v1.change(app.as_deref(), |wants| {
                wants.add(slot, classes, members);
            }),
            Wishes::Fed => {}
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
        let members = &index.members;
        match &member.wishes {
            Wishes::V2(selectors) => {
                for Selector { source, .. } in selectors {
                    index.v2.change(source.as_deref(), |wants| {
                        wants.remove(slot, members);
                    });
                }
            }
            Wishes::V1 { app, .. } => index.v1.change(app.as_deref(), |wants| {
                wants.remove(slot, members);
            }),
            Wishes::Fed => {}
        }
        index
    }

    /// Kinds that somebody or something here may want as V2 envelopes.
    pub(crate) fn v2_kinds(&self) -> u8 {
        let tapped = self.taps.iter().fold(0, |all, tap| all | tap.kinds);
        if self.v2.has_sources() {
            return u8::MAX;
        }
        let every = &self.v2.every;
        let whole = every.kinds.iter().map(|(_, kinds)| *kinds);
        let named = every.named.iter().map(|(_, what)| what);
        let grouped = every.groups.iter().map(|(what, _)| what);
        let of_what = named.chain(grouped);
        let of_what = of_what.map(|what| KindMask::of(Some(what.kind())));
        whole.chain(of_what).fold(tapped, |all, kinds| all | kinds)
    }

    /// The other members of the one shard group that a V1 reader is in.
    pub(crate) fn siblings(&self, member: &Subscriber) -> &[u32] {
        let Wishes::V1 { app, classes } = &member.wishes else {
            return &[];
        };
        let wants = match app {
            None => Some(&*self.v1.every),
            Some(app) => self.v1.of(app),
        };
        let groups = wants.map_or(&[][..], |wants| &wants.groups);
        let own = groups
            .iter()
            .find(|(what, group)| what == classes && group.shard == member.shard);
        own.map_or(&[], |(_, group)| &group.members)
    }
}

#[cfg(test)]
mod tests;
