//! Who wants what: a new index at each subscribe and unsubscribe, then only read.

mod lane;

use std::sync::Arc;

use logweir_proto::peek::{Kind, Peek};

use crate::{
    exchange::Subscriber,
    selector::{Selector, What},
    tap::{Seen, Tapped},
    v1::Classes,
};
pub(crate) use lane::{Lane, Wants, Wish};

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

impl Wish for What {
    fn kinds(&self) -> Option<u8> {
        match self {
            What::Any(kind) => Some(KindMask::of(Some(*kind))),
            What::Counter(_) | What::Gauge(_) => None,
        }
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

/// All subscriptions of an exchange at one moment. A clone shares all that the next
/// change leaves alone, so that thousands of readers may come at once.
#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) members: Members,
    pub(crate) v2: Lane<What>,
    pub(crate) v1: Lane<Classes>,
    /// Memories of this process's own, which are in no books.
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

    /// Shows the envelopes of a batch to the taps.
    pub(crate) fn show(&self, seen: &[Seen<'_>]) {
        for tap in &self.taps {
            tap.show(seen);
        }
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
