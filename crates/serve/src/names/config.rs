//! Settings of names of apps.

use std::{fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::duration;

/// Names of apps, spaces and organizations, asked of Cloud Foundry's API and added where
/// envelopes lack them: as the tags `app_name`, `space_name`, `organization_name` and, for their
/// guids, `app_id`, `space_id` and `organization_id`.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NamesConfig {
    /// Base URL of the API; `/v3/apps` is asked there.
    pub api: String,
    /// Base URL of the token server. Empty: the API asks for no token.
    #[serde(default)]
    pub uaa: String,
    /// Client that may read all apps (`cloud_controller.global_auditor`).
    #[serde(default)]
    pub client_id: String,
    /// Its secret.
    #[serde(default)]
    #[schemars(extend("x-secret" = true))]
    pub client_secret: String,
    /// Authorities of both servers' certificates; empty: the ones of the system.
    #[serde(default)]
    pub ca: PathBuf,
    /// Accept any certificate.
    #[serde(default)]
    pub skip_verify: bool,
    /// Name those of drains too, and not only those of nozzles.
    #[serde(default)]
    pub drains: bool,
    /// Names are asked for anew after about this long.
    #[serde(with = "duration", default = "ttl")]
    #[schemars(with = "duration::Text")]
    pub ttl: Duration,
    /// The same for ids that are no app, and after an answer that did not come.
    #[serde(with = "duration", default = "absent_ttl")]
    #[schemars(with = "duration::Text")]
    pub absent_ttl: Duration,
    /// How long an envelope of an app that nobody has asked for yet may wait for its names.
    #[serde(with = "duration", default = "patience")]
    #[schemars(with = "duration::Text")]
    pub patience: Duration,
    /// Most ids that are remembered; the least recently used goes.
    #[serde(default = "entries")]
    pub entries: usize,
}

fn ttl() -> Duration {
    Duration::from_secs(600)
}

fn absent_ttl() -> Duration {
    Duration::from_secs(60)
}

fn patience() -> Duration {
    Duration::from_secs(1)
}

fn entries() -> usize {
    20_000
}

impl fmt::Debug for NamesConfig {
    /// Without the secret: settings end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamesConfig")
            .field("api", &self.api)
            .field("uaa", &self.uaa)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
