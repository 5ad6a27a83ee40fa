//! Settings of authorisation.

use std::{fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{TlsFiles, duration};

/// Who may read. Any configured way that grants is enough. With none, a door on
/// loopback is open and any other door refuses to start.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Cloud Foundry's token server: tells who reads everything.
    pub uaa: Option<UaaConfig>,
    /// Cloud Foundry's API: tells who may read an app.
    pub capi: Option<CapiConfig>,
    /// Tokens of this installation, for platforms with neither.
    pub tokens: Vec<LocalToken>,
    /// How long a granted answer of UAA or CAPI is remembered; `0s` not at all.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub cache_ttl: Duration,
    /// Most remembered answers; the least recently used goes.
    pub cache_entries: usize,
}

/// Cloud Foundry's token server.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct UaaConfig {
    /// Base URL; `/check_token` is asked there.
    pub url: String,
    /// Client that may check tokens.
    pub client_id: String,
    /// Its secret.
    #[schemars(extend("x-secret" = true))]
    pub client_secret: String,
    /// Authorities of the server's certificate; empty: the ones of the system.
    #[serde(default)]
    pub ca: PathBuf,
    /// Accept any certificate.
    #[serde(default)]
    pub skip_verify: bool,
}

impl fmt::Debug for UaaConfig {
    /// Without the secret: settings end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UaaConfig")
            .field("url", &self.url)
            .field("client_id", &self.client_id)
            .field("ca", &self.ca)
            .field("skip_verify", &self.skip_verify)
            .finish_non_exhaustive()
    }
}

/// Cloud Foundry's API.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CapiConfig {
    /// Internal base URL, mutual TLS: `/internal/v4/log_access/{id}` is asked there.
    pub url: String,
    /// External base URL: `/v3/service_instances/{id}` is asked there.
    pub external_url: String,
    /// Identity towards the API and the authorities of its certificate.
    #[serde(default)]
    pub tls: TlsFiles,
    /// Name that the API's certificate must carry; empty: the host of the URL.
    #[serde(default)]
    pub server_name: String,
    /// Accept any certificate.
    #[serde(default)]
    pub skip_verify: bool,
}

/// A token of this installation. Only its hash is kept.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct LocalToken {
    /// Whom it was given to; shown in logs.
    pub name: String,
    /// SHA-256 of the token, lower-case hex: `printf %s TOKEN | sha256sum`.
    #[schemars(extend("x-secret" = true))]
    pub sha256: String,
    /// Source ids that it may read; `*` for everything.
    pub read: Vec<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            uaa: None,
            capi: None,
            tokens: Vec::new(),
            cache_ttl: Duration::from_secs(30),
            cache_entries: 10_000,
        }
    }
}
