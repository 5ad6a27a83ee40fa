//! Settings of the syslog door.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::duration;

/// The syslog door of `logweir run` (`run.syslog`, `run.syslog_udp`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogConfig {
    /// Source id of messages that name no app.
    pub source_id: String,
    /// Largest message of a connection, in bytes; larger ones are passed over.
    pub message_bytes: usize,
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// A connection that brings nothing for this long is closed; `0s` never.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub idle_timeout: Duration,
    /// Bytes that the kernel may hold for the UDP door until they are read. It grants
    /// `net.core.rmem_max` at most, unless the process has `CAP_NET_ADMIN`.
    pub receive_buffer: usize,
    /// TLS of the TCP door; plain TCP when absent.
    pub tls: Option<SyslogTls>,
}

/// TLS of the syslog door.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogTls {
    /// Certificate chain, own leaf first.
    pub cert: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Certificates of the authorities that clients must chain to. Empty: clients need no
    /// certificate.
    pub ca: PathBuf,
}

impl Default for SyslogConfig {
    fn default() -> Self {
        Self {
            source_id: "syslog".into(),
            // What a syslog server of the peers takes.
            message_bytes: 65 << 10,
            connections: 1_000,
            idle_timeout: Duration::ZERO,
            receive_buffer: 4 << 20,
            tls: None,
        }
    }
}
