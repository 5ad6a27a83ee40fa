//! `[nozzles.graphite]`.

use logweir_drain::nozzle::{GraphiteSettings, To};
use logweir_net::resolve::Target;
use logweir_wire::graphite::check_prefix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NozzleConfigError;

/// Counters, gauges and timers as lines of Carbon's plaintext protocol over TCP.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct GraphiteConfig {
    /// The receiver, `host:port` or `srv:NAME`; Carbon's port for lines is 2003.
    pub address: String,
    /// Before every path: `PREFIX.SOURCE_ID.INSTANCE_ID.NAME`. Empty: nothing.
    #[serde(default = "prefix")]
    pub prefix: String,
}

fn prefix() -> String {
    "logweir".to_owned()
}

impl GraphiteConfig {
    pub(super) fn to(&self) -> Result<To, NozzleConfigError> {
        let wrong = |key, reason: String| NozzleConfigError::Setting {
            table: "graphite",
            key,
            reason,
        };
        let address: Result<Target, _> = self.address.parse();
        let address = address.map_err(|error| wrong("address", error.to_string()))?;
        check_prefix(&self.prefix).map_err(|error| wrong("prefix", error.to_string()))?;
        Ok(To::Graphite(GraphiteSettings {
            address,
            prefix: self.prefix.clone(),
        }))
    }
}
