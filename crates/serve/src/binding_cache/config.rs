//! Settings of the binding cache.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{MetricsDoor, QueueConfig, TlsFiles, duration};

/// The binding cache: asks the Cloud Controller which apps have which drains, checks the
/// drains, and tells the syslog agents of all machines.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct BindingCacheConfig {
    /// Address of the door that agents ask; mutual TLS.
    pub listen: SocketAddr,
    /// Server identity, and the authorities that sign the agents.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites of the door by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// The Cloud Controller's internal address, `https://HOST:PORT`. Empty: only the
    /// aggregate drains are served.
    pub api: String,
    /// Name that the Cloud Controller's certificate must carry. Empty: the address's host.
    pub api_name: String,
    /// Identity towards the Cloud Controller, and the authorities that sign it.
    pub api_tls: TlsFiles,
    /// Pause between two polls.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub poll_interval: Duration,
    /// URLs asked for at a time.
    pub batch_size: u32,
    /// Keep the connection to the Cloud Controller from page to page.
    pub keep_alive: bool,
    /// YAML file of drains that get everything: a list of `url`, `cert`, `key` and `ca`.
    /// Read again when it changes. Empty: none.
    pub aggregate_drains: PathBuf,
    /// Addresses that no drain may lead to, `START-END` each, both included.
    pub blocked_ranges: Vec<String>,
    /// Tell apps about drains that cannot be used, in their own log streams.
    pub warn_on_invalid_drains: bool,
    /// The agent that takes these messages, `host:port`. Empty: apps are told nothing.
    pub agent: String,
    /// Name that the agent's certificate must carry.
    pub agent_name: String,
    /// Identity towards the agent, and the authorities that sign it.
    pub agent_tls: TlsFiles,
    /// Bounds of the queue towards the agent.
    pub queue: QueueConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for BindingCacheConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            api: String::new(),
            api_name: String::new(),
            api_tls: TlsFiles::default(),
            poll_interval: Duration::from_secs(15),
            batch_size: 1000,
            keep_alive: true,
            aggregate_drains: PathBuf::new(),
            blocked_ranges: Vec::new(),
            warn_on_invalid_drains: true,
            agent: "127.0.0.1:3458".into(),
            agent_name: "metron".into(),
            agent_tls: TlsFiles::default(),
            queue: QueueConfig {
                bytes: 1 << 20,
                ..QueueConfig::default()
            },
            metrics: None,
            status: None,
        }
    }
}
