//! Settings of the OTLP doors.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The OTLP doors of `logweir run` (`run.otlp_grpc`, `run.otlp_http`) and of the agent
/// (`agent.otlp_grpc`, `agent.otlp_http`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpConfig {
    /// Source id of what names no source: it has none of the attributes `source_id`,
    /// `cloudfoundry.app.id` and `service.name`.
    pub source_id: String,
    /// Largest request that is read, in bytes, before and after it is unpacked.
    pub message_bytes: usize,
    /// Most connections of each door at a time; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// TLS of both doors; plain HTTP when absent.
    pub tls: Option<OtlpTls>,
}

/// TLS of the OTLP doors.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpTls {
    /// Certificate chain, own leaf first.
    pub cert: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Certificates of the authorities that clients must chain to. Empty: clients need no
    /// certificate.
    pub ca: PathBuf,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            source_id: "otlp".into(),
            // What collectors gather for one request, with room to spare.
            message_bytes: 16 << 20,
            connections: 1_000,
            tls: None,
        }
    }
}
