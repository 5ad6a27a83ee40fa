//! Settings of the statsd injector.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    settings::{MetricsDoor, QueueConfig, TlsFiles, duration},
    statsd::StatsdConfig,
};

/// The statsd injector: takes statsd lines and hands them to the agent of the machine as
/// metrics.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdInjectorConfig {
    /// UDP address to listen on.
    pub listen: SocketAddr,
    /// What lines become: the section `[statsd]`.
    #[serde(skip)]
    pub statsd: StatsdConfig,
    /// The agent, `host:port`.
    pub agent: String,
    /// Name that the agent's certificate must carry.
    pub agent_name: String,
    /// Identity towards the agent, and the authorities that sign it.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// A connection that takes nothing for this long while envelopes wait is closed
    /// and replaced.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub stall_timeout: Duration,
    /// Bounds of the queue towards the agent.
    pub queue: QueueConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for StatsdInjectorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8125)),
            statsd: StatsdConfig::default(),
            agent: "127.0.0.1:3458".into(),
            agent_name: "metron".into(),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            stall_timeout: Duration::from_secs(5),
            queue: QueueConfig::default(),
            metrics: None,
            status: None,
        }
    }
}
