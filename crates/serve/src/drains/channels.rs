//! What the drains of Logplex channels did, all together: they come and go, and their counts
//! stay.

use logweir_drain::{
    Exit,
    delivery::{DrainHandle, DrainState},
};
use logweir_route::ledger::ByCause;

/// Sums over drains of channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChannelTotals {
    /// Lines that receivers took.
    pub(crate) delivered: u64,
    /// Lines that were lost, by cause.
    pub(crate) dropped: ByCause,
    /// Attempts that failed.
    pub(crate) failures: u64,
    /// Lines that wait.
    pub(crate) waiting: u64,
}

impl ChannelTotals {
    /// Adds a drain, if it is one of a channel.
    pub(super) fn add(&mut self, handle: &DrainHandle) {
        let Exit::Channel(_) = handle.exit() else {
            return;
        };
        let status = handle.status();
        self.delivered += status.messages;
        let sums = self.dropped.iter_mut().zip(status.queue.dropped);
        sums.for_each(|(sum, more)| *sum += more);
        self.failures += status.failures;
        self.waiting += status.queue.queued + status.in_hand;
    }

    /// Without anything to tell.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Drains of channels that were unbound.
#[derive(Default)]
pub(super) struct Gone {
    sums: ChannelTotals,
    /// Those that still write out what waits for them.
    leaving: Vec<DrainHandle>,
}

impl Gone {
    /// One more. It was stopped.
    pub(super) fn add(&mut self, handle: DrainHandle) {
        if let Exit::Channel(_) = handle.exit() {
            self.leaving.push(handle);
        }
    }

    /// What they did until now.
    pub(super) fn totals(&mut self) -> ChannelTotals {
        self.settle();
        let mut totals = self.sums.clone();
        self.leaving.iter().for_each(|one| totals.add(one));
        totals
    }

    /// Lets go of those that have ended.
    pub(super) fn settle(&mut self) {
        let sums = &mut self.sums;
        self.leaving.retain(|one| {
            let ended = one.status().state == DrainState::Ended;
            if ended {
                sums.add(one);
            }
            !ended
        });
    }
}
