//! A queue of everything of some kinds, for a memory of this process's own.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use logweir_proto::peek::Kind;

use crate::{
    exchange::Exchange,
    index::KindMask,
    ledger::QueueStats,
    queue::{Chunk, ChunkQueue},
};

/// What the index knows of a tap.
pub(crate) struct Tapped {
    pub(crate) queue: ChunkQueue,
    pub(crate) kinds: u8,
}

/// Everything of some kinds as V2 envelopes. No reader of the exchange: what goes here
/// counts neither as matched nor as offered. Dropping it ends it.
pub struct Tap {
    exchange: Arc<Exchange>,
    tapped: Arc<Tapped>,
}

impl Exchange {
    /// Taps all envelopes of these kinds from now on. The queue has the bounds of a
    /// reader's, and drops its oldest chunk as one does.
    pub fn tap(self: &Arc<Self>, kinds: &[Kind]) -> Tap {
        let bits = kinds.iter().map(|kind| KindMask::of(Some(*kind)));
        self.tap_bits(bits.fold(0, |all, bit| all | bit))
    }

    /// Taps all envelopes from now on, those without a message included.
    pub fn tap_all(self: &Arc<Self>) -> Tap {
        self.tap_bits(u8::MAX)
    }

    fn tap_bits(self: &Arc<Self>, kinds: u8) -> Tap {
        let tapped = Arc::new(Tapped {
            queue: self.own_queue(),
            kinds,
        });
        let added = Arc::clone(&tapped);
        self.change_taps(|taps| taps.push(added));
        Tap {
            exchange: Arc::clone(self),
            tapped,
        }
    }
}

impl Tap {
    /// See [`ChunkQueue::try_take`]. Whatever was published before the call is there.
    pub fn try_take(&self) -> Option<Chunk> {
        self.tapped.queue.try_take()?.chunk
    }

    /// Waits until this many bytes are there. Takes nothing.
    pub fn poll_filled(&self, context: &mut Context<'_>, bytes: u64) -> Poll<()> {
        self.tapped.queue.poll_filled(context, bytes)
    }

    /// The balance of the queue.
    pub fn stats(&self) -> QueueStats {
        self.tapped.queue.stats()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let own = Arc::as_ptr(&self.tapped);
        self.exchange
            .change_taps(|taps| taps.retain(|tap| Arc::as_ptr(tap) != own));
    }
}
