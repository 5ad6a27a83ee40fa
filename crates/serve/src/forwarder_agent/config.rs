//! Settings of the forwarder agent.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    otlp_export::OtelConfig,
    settings::{GrpcLimits, MetricsDoor, QueueConfig, TlsFiles, duration},
};

/// The forwarder agent: takes the envelopes of one machine, tags them, sums counters, and
/// gives all of them to each of its destinations.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ForwarderAgentConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Identity (role `metron`), as a server and towards the destinations, and the
    /// authorities that sign both.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts.
    pub limits: GrpcLimits,
    /// Tags that every envelope gets unless it has one of that name.
    pub tags: BTreeMap<String, String>,
    /// Agents that get every envelope, `host:port`.
    pub destinations: Vec<String>,
    /// Patterns of YAML files that each name the port of a destination on this machine,
    /// `ingress: PORT`, and `protocol: otelcol` if it is an OpenTelemetry collector. Read
    /// again when they change.
    pub destination_files: Vec<String>,
    /// Name that a destination's certificate must carry.
    pub destination_name: String,
    /// A connection that takes nothing for this long while envelopes wait is
    /// closed and replaced.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub stall_timeout: Duration,
    /// What OpenTelemetry collectors get.
    pub otel: OtelConfig,
    /// Bounds of the queue of each destination; a collector has one for each signal.
    pub queue: QueueConfig,
    /// Most counters whose totals are remembered; the least recently used goes.
    pub counters: usize,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for ForwarderAgentConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3458)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            limits: GrpcLimits::default(),
            tags: BTreeMap::new(),
            destinations: Vec::new(),
            destination_files: Vec::new(),
            destination_name: "metron".into(),
            stall_timeout: Duration::from_secs(5),
            otel: OtelConfig::default(),
            queue: QueueConfig::default(),
            counters: 10_000,
            metrics: None,
            status: None,
        }
    }
}
