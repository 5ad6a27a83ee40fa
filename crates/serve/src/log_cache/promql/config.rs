//! Settings of PromQL.

use std::time::Duration;

use logweir_cache::promql::{Limits, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::duration;

/// What a query in PromQL may use.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PromqlConfig {
    /// Most samples that one query holds at a time: those read and those computed.
    pub samples: usize,
    /// Most bytes that one query takes, its answer too.
    pub bytes: usize,
    /// Most steps of a range query below `/prometheus`. Below `/api/v1`, where the peers know
    /// no such bound, it is `samples`.
    pub steps: usize,
    /// How long a query may take, with the time that it waits for its turn.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
    /// Queries that are evaluated at a time, each on a thread of its own; others wait.
    pub concurrent: usize,
}

impl Default for PromqlConfig {
    fn default() -> Self {
        Self {
            samples: 50_000_000,
            bytes: 256 << 20,
            steps: 11_000,
            timeout: Duration::from_secs(10),
            concurrent: 4,
        }
    }
}

impl PromqlConfig {
    /// The bounds of one query.
    pub(super) fn limits(&self, mode: Mode) -> Limits {
        Limits {
            samples: self.samples,
            steps: match mode {
                Mode::LogCache => self.samples,
                Mode::Modern => self.steps,
            },
            bytes: self.bytes,
        }
    }
}
