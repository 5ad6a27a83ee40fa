//! The delivery: what a drain's queue holds goes to its receiver (spec
//! agents-and-drains §5).
//!
//! One task owns a drain: its queue's reading end, its connection, its retries. It waits
//! for the queue, connects, and only then takes what waits there, so that nothing but the
//! queue holds what cannot be delivered; the queue drops its oldest and counts it. A drain
//! that has nothing to do holds neither connection nor buffer.
//!
//! ```text
//!  queue ── chunks ──► batch: frames → messages ──► syslog TCP, TLS   one write for many
//!                      (marks where each ends)  ├─► https-batch       one POST for many
//!                                               ├─► https             a POST each, several at once
//!                                               ├─► syslog-udp        a datagram each
//!                                               ├─► a channel's receiver  as Logplex does
//!                                               ├─► file              one write for many
//!                                               ├─► graphite          as syslog TCP
//!                                               └─► kafka             a batch for each partition
//! ```
//!
//! Between queue and batch there may be a spool on disk (`store`).
//!
//! What was not sent when a connection broke stays in the batch, from the first message that
//! did not leave whole, and goes first over the next connection.

mod batch;
mod channel;
mod courier;
mod dial;
mod failure;
mod file;
mod handle;
mod http;
mod kafka;
mod line;
mod settings;
mod store;
mod stream;
mod tell;
#[cfg(test)]
mod tests;
mod udp;

use std::sync::Arc;

use logweir_net::{resolve::Resolver, shutdown::Shutdown, tls::ClientTls};
use logweir_route::Subscription;

pub use failure::Failure;
pub use handle::{DrainHandle, DrainState, DrainStatus, SpoolStatus};
pub use settings::Settings;
pub use store::SpoolSettings;
pub use tell::Reporter;

use crate::{block_list::BlockList, exit::Exit, names::Names, reach::Reach};
use courier::Courier;
use handle::Shared;

/// What all drains of a process share.
pub struct Delivery {
    /// Who vouches for receivers, beside the authorities that a drain brings itself.
    pub tls: ClientTls,
    /// The same for drains with `ssl-strict-internal=true`.
    pub internal_tls: ClientTls,
    /// For drains of channels that ask for no check (`#insecure`).
    pub insecure_tls: ClientTls,
    /// Where no drain may lead. Asked about the address that is connected to.
    pub block_list: BlockList,
    /// Where drains of channels may lead beside.
    pub reach: Arc<Reach>,
    /// Names to addresses.
    pub resolver: Resolver,
    /// Timeouts and delays.
    pub settings: Settings,
    /// Where drains that ask for it (`logweir-spool=true`) keep what is not delivered.
    pub spool: Option<SpoolSettings>,
    /// Names of apps, for envelopes that lack them.
    pub names: Option<Naming>,
    /// Where the apps are told about their drains.
    pub reporter: Reporter,
    /// Carries the tasks. Once the exchange has ended, each writes out its queue and ends;
    /// what is left when `abort` is cancelled counts as lost by the shutdown.
    pub shutdown: Shutdown,
}

/// Whose envelopes get names that they lack.
#[derive(Clone)]
pub struct Naming {
    /// What is known.
    pub names: Arc<Names>,
    /// Those of drains too, and not only those of nozzles.
    pub drains: bool,
}

/// Starts the delivery of one drain or nozzle. Its queue is to be subscribed to what
/// [`Exit::request`] says. Connects when there is something to deliver.
pub fn start(exit: impl Into<Exit>, queue: Subscription, with: &Arc<Delivery>) -> DrainHandle {
    let exit = exit.into();
    let queue = Arc::new(queue);
    let shared = Arc::new(Shared::new());
    let handle = DrainHandle::new(exit.clone(), queue.clone(), shared.clone());
    let courier = Courier::new(exit, queue, shared, with.clone());
    with.shutdown.tracker.spawn(Box::new(courier).run());
    handle
}
