//! Settings of the memory of recent log lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a router remembers for clients that ask for recent log lines and container
/// metrics. `logweir run` answers them from its log cache, whose room is
/// `log_cache.store.bytes`; the other keys hold there too.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RecentConfig {
    /// Most log lines of one source that are answered.
    pub logs_per_source: usize,
    /// Most bytes of all sources together; past it, the source that holds most loses its
    /// oldest. `0` remembers nothing.
    pub bytes: usize,
}

impl RecentConfig {
    /// Whether clients of V1 are answered at all.
    pub fn is_on(&self) -> bool {
        self.bytes > 0 && self.logs_per_source > 0
    }
}

impl Default for RecentConfig {
    fn default() -> Self {
        Self {
            logs_per_source: 100,
            bytes: 16 << 20,
        }
    }
}
