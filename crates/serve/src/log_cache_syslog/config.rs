//! Settings of Log Cache's syslog server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    log_cache::cluster::SERVER_NAME,
    settings::{MetricsDoor, QueueConfig, TlsFiles, duration},
    syslog_in::SyslogTls,
};

/// The syslog server of a log cache: takes RFC 5424 messages, strictly, and hands them to
/// a node.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogCacheSyslogConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// TLS of the door; plain TCP when absent.
    pub tls: Option<SyslogTls>,
    /// A log cache node, `host:port`.
    pub log_cache: String,
    /// Identity towards the node.
    pub log_cache_tls: TlsFiles,
    /// The node has no TLS: only a peer's environment can say so.
    #[serde(skip)]
    pub plaintext: bool,
    /// Name that the node's certificate must carry.
    pub log_cache_name: String,
    /// A connection that brings nothing for this long is closed; `0s` never.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub idle_timeout: Duration,
    /// Largest message, in bytes; larger ones are passed over.
    pub message_bytes: usize,
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Take white space off both ends of lines; otherwise one newline off their end.
    pub trim: bool,
    /// Messages follow each other without octet counts: each begins in a line of its own
    /// with `<`.
    pub newline_framing: bool,
    /// Bounds of the queue towards the node.
    pub queue: QueueConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for LogCacheSyslogConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 6067)),
            tls: None,
            log_cache: "127.0.0.1:8080".into(),
            log_cache_tls: TlsFiles::default(),
            plaintext: false,
            log_cache_name: SERVER_NAME.into(),
            idle_timeout: Duration::from_secs(120),
            message_bytes: 65 << 10,
            connections: 1_000,
            trim: true,
            newline_framing: false,
            queue: QueueConfig::default(),
            metrics: None,
            status: None,
        }
    }
}
