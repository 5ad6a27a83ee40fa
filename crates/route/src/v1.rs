//! Readers of V1 envelopes, and the way from one generation to the other.

use std::sync::Arc;

use bytes::BytesMut;
use logweir_proto::peek_v1::Class;

use crate::{
    exchange::Exchange,
    generation::Generation,
    index::{Wish, Wishes},
    subscription::Subscription,
};

/// Gives each V1 envelope that a V2 one becomes to the callback.
type ToV1 = fn(&[u8], &mut dyn FnMut(&[u8])) -> bool;

/// How envelopes become those of the other generation. Handed in, since this crate
/// knows neither schema by more than its peek.
#[derive(Clone, Copy, Debug)]
pub struct Converter {
    /// Calls back with each V1 envelope that a V2 one becomes: none, one, or several.
    /// False if some of it has no V1 form.
    pub to_v1: ToV1,
    /// Appends the V2 envelope that a V1 one becomes. False, and nothing appended, if
    /// it has no V2 form.
    pub to_v2: fn(&[u8], &mut BytesMut) -> bool,
}

/// A request for V1 envelopes. Readers with the same `app`, `class` and `shard` share
/// what there is; the least loaded one gets the next.
#[derive(Clone, Debug, Default)]
pub struct SubscribeV1 {
    /// Envelopes of this app alone; `system` is the app of what belongs to none.
    pub app: Option<Box<str>>,
    /// Log lines alone, or all but log lines.
    pub class: Option<Class>,
    /// Readers of one shard id share. Empty: this one gets all.
    pub shard: String,
    /// Largest frame this reader takes; `None`: the exchange's bound.
    pub frame: Option<usize>,
}

/// Classes of V1 envelopes as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Classes(pub(crate) u8);

impl Classes {
    pub(crate) const fn of(class: Option<Class>) -> Self {
        match class {
            Some(Class::Log) => Self(1),
            Some(Class::Metric) => Self(1 << 1),
            None => Self(1 | 1 << 1),
        }
    }
}

impl Wish for Classes {
    fn kinds(&self) -> Option<u8> {
        Some(self.0)
    }
}

impl Exchange {
    /// Adds a reader of V1 envelopes: its queue holds V1 frames. What comes in as V2 is
    /// converted for it, if the exchange has a [`Converter`].
    pub fn subscribe_v1(self: &Arc<Self>, request: SubscribeV1) -> Subscription {
        let SubscribeV1 {
            app,
            class,
            shard,
            frame,
        } = request;
        let classes = Classes::of(class);
        let wishes = Wishes::V1 { app, classes };
        self.add(Generation::V1, wishes, shard.into(), "".into(), frame)
    }

    /// Adds a reader whose queue of V1 frames is filled by its
    /// [`Feeder`](crate::Feeder)s alone.
    pub fn subscribe_v1_fed(self: &Arc<Self>, frame: Option<usize>) -> Subscription {
        self.add(Generation::V1, Wishes::Fed, "".into(), "".into(), frame)
    }
}

#[cfg(test)]
mod tests;
