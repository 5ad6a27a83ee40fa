//! Settings of what OpenTelemetry collectors get.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::duration;

/// What an OpenTelemetry collector gets: destinations whose file says `protocol: otelcol`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct OtelConfig {
    /// Send logs and events.
    pub logs: bool,
    /// Send counters and gauges.
    pub metrics: bool,
    /// Send timers that are spans.
    pub traces: bool,
    /// Name that a collector's certificate must carry.
    pub name: String,
    /// How often a request is tried again that a collector was not there for, before it
    /// is given up: after 1 s, and twice as long each time up to 30 s.
    pub retries: u32,
    /// A request that is not answered within this time is tried again.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Default for OtelConfig {
    fn default() -> Self {
        Self {
            logs: true,
            metrics: true,
            traces: true,
            name: "otel-collector".into(),
            retries: 7,
            timeout: Duration::from_secs(10),
        }
    }
}
