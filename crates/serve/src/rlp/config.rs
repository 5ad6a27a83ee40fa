//! Settings of the reverse log proxy.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{GrpcLimits, QueueConfig, SelfMetricsConfig, TlsFiles, duration};

/// The reverse log proxy: reads from every router on behalf of its readers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RlpConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Identity (role `reverselogproxy`), as a server and towards the routers,
    /// and the authorities that sign both.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts.
    pub limits: GrpcLimits,
    /// Most streams of readers at a time.
    pub max_streams: usize,
    /// Routers to read from: `host:port` (every address of the name) or `srv:NAME`
    /// (every target of a DNS SRV record). Looked up again at the interval below.
    pub routers: Vec<String>,
    /// Name that a router's certificate must carry.
    pub router_name: String,
    /// How often the names of the routers are looked up again.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub resolve_interval: Duration,
    /// Connections to each router, shared by the streams of all readers.
    pub connections_per_router: usize,
    /// Bounds of each reader's queue.
    pub queue: QueueConfig,
    /// Most bytes that wait for all readers together; past it each queue is held to
    /// its share.
    pub queues_total_bytes: usize,
    /// Largest message sent to a reader that does not state what it can take.
    /// gRPC clients refuse more than 4 MiB unless told otherwise.
    pub reader_message_bytes: usize,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
    /// The proxy's own metrics as envelopes.
    pub self_metrics: SelfMetricsConfig,
}

impl Default for RlpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8083)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            limits: GrpcLimits::default(),
            max_streams: 1000,
            routers: Vec::new(),
            router_name: "doppler".into(),
            resolve_interval: Duration::from_secs(10),
            connections_per_router: 4,
            queue: QueueConfig::default(),
            queues_total_bytes: 512 << 20,
            reader_message_bytes: 4_000_000,
            status: None,
            self_metrics: SelfMetricsConfig {
                interval: Duration::from_secs(60),
                ..SelfMetricsConfig::default()
            },
        }
    }
}
