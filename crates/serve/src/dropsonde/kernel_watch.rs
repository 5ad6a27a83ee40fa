//! Says in the log what the kernel dropped and what was not taken, once in a while.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::udp::KernelQueue;

use super::{counts::Counts, rules::Reason};

/// Between two looks.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// What is known of one door's losses.
pub(super) struct Watch {
    door: &'static str,
    address: SocketAddr,
    kernel: KernelQueue,
    counts: Arc<Counts>,
    dropped: u64,
    rejected: [u64; Reason::COUNT],
}

impl Watch {
    pub(super) fn new(
        door: &'static str,
        address: SocketAddr,
        kernel: KernelQueue,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            door,
            address,
            kernel,
            counts,
            dropped: 0,
            rejected: [0; Reason::COUNT],
        }
    }

    /// Says what was lost since the last look.
    pub(super) fn look(&mut self) {
        let (door, address) = (self.door, self.address);
        let dropped = self.kernel.dropped().unwrap_or_default();
        let more = dropped - self.dropped;
        if more > 0 {
            tracing::warn!(
                "the kernel dropped {more} datagrams for the {door} door at {address}, {dropped} \
                 in all; raise dropsonde.receive_buffer and net.core.rmem_max"
            );
        }
        self.dropped = dropped;
        for (seen, reason) in self.rejected.iter_mut().zip(Reason::ALL) {
            let rejected = self.counts.rejected(reason);
            let more = rejected - *seen;
            if more > 0 {
                let words = words(reason);
                tracing::warn!("{words}: {more} datagrams at {address}, {rejected} in all");
            }
            *seen = rejected;
        }
    }
}

/// The peers' words where they have any: operators look for them.
fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::Unmarshal => "eventUnmarshaller: unmarshal error",
        Reason::UnknownType => "eventUnmarshaller: validation failed for an unknown message type",
        Reason::NoEvent => "eventUnmarshaller: validation failed, the event is missing",
        Reason::Unsigned => "a log message is not signed",
        Reason::BadSignature => "Invalid Envelope Signature",
    }
}
