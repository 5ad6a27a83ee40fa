//! Settings of the router.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    recents::RecentConfig,
    settings::{GrpcLimits, PlaceConfig, QueueConfig, SelfMetricsConfig, TlsFiles},
};

/// The router: takes envelopes from agents and hands them to subscribers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RouterConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Server identity (role `doppler`) and the authorities that sign its clients.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts.
    pub limits: GrpcLimits,
    /// Bounds of each subscriber's queue.
    pub queue: QueueConfig,
    /// Most bytes that wait for all subscribers together; past it each queue is
    /// held to its share.
    pub queues_total_bytes: usize,
    /// Where the router runs, for what it tells readers of V1 that were too slow.
    pub place: PlaceConfig,
    /// What is remembered for clients that ask for recent log lines.
    pub recent: RecentConfig,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
    /// The router's own metrics as envelopes.
    pub self_metrics: SelfMetricsConfig,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8082)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            limits: GrpcLimits::default(),
            queue: QueueConfig::default(),
            queues_total_bytes: 512 << 20,
            place: PlaceConfig::default(),
            recent: RecentConfig::default(),
            status: None,
            self_metrics: SelfMetricsConfig::default(),
        }
    }
}
