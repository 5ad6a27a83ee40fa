//! Settings of the agent.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    dropsonde::DropsondeConfig,
    otlp::OtlpConfig,
    settings::{GrpcLimits, MetricsDoor, QueueConfig, TlsFiles, duration},
};

/// The agent: takes envelopes from the processes of one machine, tags them, sums
/// counters and spreads them over the routers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct AgentConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Identity (role `metron`), as a server and towards the routers, and the
    /// authorities that sign both.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts.
    pub limits: GrpcLimits,
    /// UDP address for dropsonde; none when absent.
    pub udp: Option<SocketAddr>,
    /// Address for OTLP over gRPC; none when absent.
    pub otlp_grpc: Option<SocketAddr>,
    /// Address for OTLP over HTTP; none when absent.
    pub otlp_http: Option<SocketAddr>,
    /// What the OTLP doors do: the section `[otlp]`.
    #[serde(skip)]
    pub otlp: OtlpConfig,
    /// What the UDP doors do to datagrams: the section `[dropsonde]`.
    #[serde(skip)]
    pub dropsonde: DropsondeConfig,
    /// Tags that every envelope gets unless it has one of that name.
    pub tags: BTreeMap<String, String>,
    /// Discard log envelopes, keep metrics.
    pub drop_logs: bool,
    /// Routers to spread over: `host:port` (every address of the name), or
    /// `srv:NAME` (every target of a DNS SRV record).
    pub routers: Vec<String>,
    /// Routers to use as long as one of them answers, such as those of the same
    /// zone. Written as `routers` are.
    pub preferred_routers: Vec<String>,
    /// Name that a router's certificate must carry.
    pub router_name: String,
    /// Connections to routers, each with one stream.
    pub connections: usize,
    /// How often the names of the routers are looked up again.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub resolve_interval: Duration,
    /// A connection that takes nothing for this long while envelopes wait is
    /// closed and replaced.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub stall_timeout: Duration,
    /// Batches after which a connection is replaced, so that new routers get
    /// their share; 0 never.
    pub recycle_after: u64,
    /// Bounds of the queue towards the routers.
    pub queue: QueueConfig,
    /// Most counters whose totals are remembered; the least recently used goes.
    pub counters: usize,
    /// Send the agent's own counters under the names of the first generation, such as
    /// `MetronAgent.dropsondeMarshaller.sentEnvelopes`, for dashboards of that time.
    pub legacy_metric_names: bool,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3458)),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            limits: GrpcLimits::default(),
            udp: None,
            otlp_grpc: None,
            otlp_http: None,
            otlp: OtlpConfig::default(),
            dropsonde: DropsondeConfig::default(),
            tags: BTreeMap::new(),
            drop_logs: false,
            routers: Vec::new(),
            preferred_routers: Vec::new(),
            router_name: "doppler".into(),
            connections: 5,
            resolve_interval: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(5),
            recycle_after: 100_000,
            queue: QueueConfig::default(),
            counters: 10_000,
            legacy_metric_names: false,
            metrics: None,
            status: None,
        }
    }
}
