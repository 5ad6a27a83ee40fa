//! Who wants what: built anew at each subscribe and unsubscribe, then only read.

use std::sync::Arc;

use hashbrown::HashMap;
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
#[derive(Default)]
pub(crate) struct Wants {
    /// Subscribers that want whole kinds: slot and kinds.
    pub(crate) kinds: Vec<(u32, u8)>,
    /// Subscribers that want metrics of certain names.
    pub(crate) named: Vec<(u32, What)>,
    /// Shard groups.
    pub(crate) groups: Vec<(What, Group)>,
}

impl Wants {
    fn add(&mut self, slot: u32, what: &What) {
        if let What::Any(kind) = what {
            let bit = KindMask::of(Some(*kind));
            match self.kinds.iter_mut().find(|(own, _)| *own == slot) {
                Some((_, kinds)) => *kinds |= bit,
                None => self.kinds.push((slot, bit)),
            }
        } else {
            self.named.push((slot, what.clone()));
        }
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

/// All subscriptions of an exchange at one moment.
#[derive(Default)]
pub(crate) struct Index {
    /// Subscribers by slot.
    pub(crate) members: Vec<Arc<Subscriber>>,
    /// What is wanted of every source.
    pub(crate) every: Wants,
    /// What is wanted of single sources.
    pub(crate) by_source: HashMap<Box<str>, Wants>,
}

/// Identity of a shard group: its selector and its shard id.
type GroupKey<'a> = (&'a Selector, &'a str);

impl Index {
    pub(crate) fn build(members: Vec<Arc<Subscriber>>) -> Self {
        let mut every = Wants::default();
        let mut by_source: HashMap<Box<str>, Wants> = HashMap::new();
        let mut groups: HashMap<GroupKey<'_>, Vec<u32>> = HashMap::new();
        let mut order: Vec<GroupKey<'_>> = Vec::new();
        for (slot, member) in (0_u32..).zip(&members) {
            for selector in &member.selectors {
                if member.shard.is_empty() {
                    wants_of(&mut every, &mut by_source, selector).add(slot, &selector.what);
                } else {
                    let key = (selector, &*member.shard);
                    let group = groups.entry(key).or_default();
                    if group.is_empty() {
                        order.push(key);
                    }
                    group.push(slot);
                }
            }
        }
        for key in order {
            let mut slots = groups.remove(&key).unwrap_or_default();
            let name = |slot: &u32| &*members[*slot as usize].deterministic_name;
            let deterministic = slots.iter().any(|slot| !name(slot).is_empty());
            if deterministic {
                // Stable: members of one name stay in the order they came in.
                slots.sort_by(|a, b| name(a).as_bytes().cmp(name(b).as_bytes()));
            }
            let group = Group {
                members: slots,
                deterministic,
            };
            wants_of(&mut every, &mut by_source, key.0)
                .groups
                .push((key.0.what.clone(), group));
        }
        drop(groups);
        Self {
            every,
            by_source,
            members,
        }
    }
}

fn wants_of<'a>(
    every: &'a mut Wants,
    by_source: &'a mut HashMap<Box<str>, Wants>,
    selector: &Selector,
) -> &'a mut Wants {
    match &selector.source {
        None => every,
        Some(source) => by_source.entry_ref(&**source).or_default(),
    }
}
