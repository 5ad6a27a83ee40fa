//! Settings of the memory of recent log lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a router remembers for clients that ask for recent log lines and container
/// metrics.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RecentConfig {
    /// Most log lines of one source.
    pub logs_per_source: usize,
    /// Most bytes of all sources together; past it, the source that holds most loses its
    /// oldest. `0` remembers nothing.
    pub bytes: usize,
}

impl Default for RecentConfig {
    fn default() -> Self {
        Self {
            logs_per_source: 100,
            bytes: 16 << 20,
        }
    }
}
