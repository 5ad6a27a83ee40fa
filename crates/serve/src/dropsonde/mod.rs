//! The UDP doors: dropsonde (V1), one envelope a datagram, and the log messages of 2013.
//!
//! [`Rules`] is what is done to a datagram, [`door`] the task that reads a socket, and
//! [`Onward`] where the envelopes go: to routers as V1, into the exchange of this
//! process, or as V2 to the agent of the machine.

mod config;
mod counts;
mod door;
mod intake;
mod kernel_watch;
mod pace;
mod rules;
mod totals;

pub use config::{DropsondeConfig, LegacyConfig};
pub(crate) use door::{Doors, Plan, open};
pub(crate) use intake::Onward;
pub use rules::{Reason, Rules};
