//! The statsd door: lines over UDP into metrics.
//!
//! [`series`] holds the values that lines add to, [`intake`] makes envelopes of them.

mod config;
mod intake;
mod series;

use std::net::SocketAddr;

use tokio_util::task::TaskTracker;

pub use config::StatsdConfig;

use crate::{
    context::{ServeContext, StartError, Started},
    datagram_door::{self, Plan},
    metrics::Registry,
    outlet::{OpenSink, Outlet},
};
use intake::Intake;

/// Opens the door `statsd`. What is returned is done once it is read out after a stop.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) fn open(
    address: SocketAddr,
    config: &StatsdConfig,
    sinks: &OpenSink,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<TaskTracker, StartError> {
    let plan = Plan {
        name: "statsd",
        key: "statsd.receive_buffer",
        address,
        receive_buffer: config.receive_buffer,
    };
    let intake = Intake::new(config, Outlet::new(sinks()), registry);
    datagram_door::open(&plan, intake, registry, context, started)
}
