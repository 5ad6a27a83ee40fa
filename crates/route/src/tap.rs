//! A look at everything of some kinds while it is published, for a memory of this
//! process's own: the bytes are in the processor's cache then, and nothing has to wait
//! in a queue.

use std::sync::Arc;

use logweir_proto::peek::{Kind, Peek};

use crate::{exchange::Exchange, index::KindMask};

/// A V2 envelope that is being published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its source.
    pub source_id: &'a str,
    /// Unix time in nanoseconds.
    pub timestamp: i64,
    /// Its kind; `None` without a message.
    pub kind: Option<Kind>,
    /// Its bytes, not framed.
    pub envelope: &'a [u8],
}

impl<'a> Seen<'a> {
    pub(crate) fn of(envelope: &'a [u8], peek: &Peek<'a>) -> Self {
        Self {
            source_id: peek.source_id,
            timestamp: peek.timestamp,
            kind: peek.kind,
            envelope,
        }
    }
}

/// What is called with the envelopes of each batch. Publishers wait for it: it has to be
/// quick, and must not wait for them.
type Show = dyn Fn(&[Seen<'_>]) + Send + Sync;

/// What the index knows of a tap.
pub(crate) struct Tapped {
    pub(crate) kinds: u8,
    show: Box<Show>,
}

impl Tapped {
    /// Shows what is of its kinds.
    pub(crate) fn show(&self, seen: &[Seen<'_>]) {
        let wanted = |seen: &&Seen<'_>| KindMask::of(seen.kind) & self.kinds != 0;
        let count = seen.iter().filter(wanted).count();
        if count == seen.len() {
            (self.show)(seen);
        } else if count > 0 {
            let some: Vec<_> = seen.iter().filter(wanted).copied().collect();
            (self.show)(&some);
        }
    }
}

/// Everything of some kinds as V2 envelopes. No reader of the exchange: what is shown here
/// counts neither as matched nor as offered. Dropping it ends it.
pub struct Tap {
    exchange: Arc<Exchange>,
    tapped: Arc<Tapped>,
}

impl Exchange {
    /// Shows all envelopes of these kinds to `show` from now on, batch by batch, before
    /// whoever publishes them is through.
    pub fn tap(
        self: &Arc<Self>,
        kinds: &[Kind],
        show: impl Fn(&[Seen<'_>]) + Send + Sync + 'static,
    ) -> Tap {
        let bits = kinds.iter().map(|kind| KindMask::of(Some(*kind)));
        self.tap_bits(bits.fold(0, |all, bit| all | bit), show)
    }

    /// The same with all envelopes, those without a message included.
    pub fn tap_all(self: &Arc<Self>, show: impl Fn(&[Seen<'_>]) + Send + Sync + 'static) -> Tap {
        self.tap_bits(u8::MAX, show)
    }

    fn tap_bits(
        self: &Arc<Self>,
        kinds: u8,
        show: impl Fn(&[Seen<'_>]) + Send + Sync + 'static,
    ) -> Tap {
        let tapped = Arc::new(Tapped {
            kinds,
            show: Box::new(show),
        });
        let added = Arc::clone(&tapped);
        self.change_taps(|taps| taps.push(added));
        Tap {
            exchange: Arc::clone(self),
            tapped,
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let own = Arc::as_ptr(&self.tapped);
        self.exchange
            .change_taps(|taps| taps.retain(|tap| Arc::as_ptr(tap) != own));
    }
}
