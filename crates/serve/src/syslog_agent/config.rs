//! Settings of the syslog agent.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    drains::DeliveryConfig,
    settings::{GrpcLimits, MetricsDoor, QueueConfig, TlsFiles, duration},
};

/// The syslog agent: takes the envelopes of one machine and delivers them to the drains of
/// their apps, and to those of all apps.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogAgentConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Identity (role `metron`), as a server and towards the agent, and the authorities
    /// that sign both.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites of the door by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts.
    pub limits: GrpcLimits,
    /// The binding cache, `https://HOST:PORT`. Empty: only the drains of `[[drains]]`.
    pub cache: String,
    /// Name that the binding cache's certificate must carry. Empty: the address's host.
    pub cache_name: String,
    /// Identity towards the binding cache, and the authorities that sign it.
    pub cache_tls: TlsFiles,
    /// Pause between two polls of the bindings; each agent adds up to as much again, so that
    /// they do not all ask at once.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub poll_interval: Duration,
    /// Ask the binding cache for the drains of all apps too.
    pub aggregate_from_cache: bool,
    /// Pause between two polls of the drains of all apps.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub aggregate_poll_interval: Duration,
    /// Most drains of one app; the first by URL are kept.
    pub drains_per_app: usize,
    /// Tell apps about bindings that cannot be used.
    pub warn_on_invalid_drains: bool,
    /// The agent that takes what apps are told, `host:port`. Empty: it goes to their drains
    /// alone.
    pub agent: String,
    /// Name that the agent's certificate must carry.
    pub agent_name: String,
    /// Bounds of the queue of each drain.
    pub queue: QueueConfig,
    /// Bytes that may wait for all drains together.
    pub queues_total_bytes: usize,
    /// How drains are delivered: the section `[delivery]`.
    #[serde(skip)]
    pub delivery: DeliveryConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for SyslogAgentConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3460)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            limits: GrpcLimits::default(),
            cache: String::new(),
            cache_name: String::new(),
            cache_tls: TlsFiles::default(),
            poll_interval: Duration::from_secs(15),
            aggregate_from_cache: true,
            aggregate_poll_interval: Duration::from_secs(60),
            drains_per_app: 5,
            warn_on_invalid_drains: true,
            agent: "127.0.0.1:3458".into(),
            agent_name: "metron".into(),
            queue: QueueConfig::default(),
            queues_total_bytes: 1 << 30,
            delivery: DeliveryConfig::default(),
            metrics: None,
            status: None,
        }
    }
}
