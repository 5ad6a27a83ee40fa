//! Settings of the statsd door.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::duration;

/// The statsd door of the statsd injector and of `logweir run` (`run.statsd`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdConfig {
    /// Source id of metrics whose name has no dot; of others it is what stands before
    /// their first dot.
    pub source_id: String,
    /// Make counter envelopes of counters. Without it they are gauges with the running
    /// sum, as the peer's are.
    pub counter_envelopes: bool,
    /// Most series whose running values are remembered, sets included; the least recently
    /// used goes.
    pub series: usize,
    /// How often the sizes of sets are told, and the sets emptied.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub set_interval: Duration,
    /// Bytes that the kernel may hold until they are read. It grants
    /// `net.core.rmem_max` at most, unless the process has `CAP_NET_ADMIN`.
    pub receive_buffer: usize,
}

impl Default for StatsdConfig {
    fn default() -> Self {
        Self {
            source_id: "statsd".into(),
            counter_envelopes: false,
            series: 10_000,
            set_interval: Duration::from_secs(10),
            receive_buffer: 4 << 20,
        }
    }
}
