//! Settings of the traffic controller.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cookie::CookieConfig, upstream::ZoneConfig};
use crate::{
    auth::AuthConfig,
    gateway::HttpsFiles,
    settings::{PlaceConfig, QueueConfig, SelfMetricsConfig, TlsFiles, duration},
};

/// The traffic controller: V1 envelopes over WebSockets and plain HTTP.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficControllerConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key of the door; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// Routers to read from: `host:port` (every address of the name) or `srv:NAME`
    /// (every target of a DNS SRV record). Looked up again at the interval below.
    pub routers: Vec<String>,
    /// More routers, in zones of their own.
    pub zones: Vec<ZoneConfig>,
    /// Identity towards the routers, and the authorities of their certificates.
    pub router_tls: TlsFiles,
    /// Name that a router's certificate must carry.
    pub router_name: String,
    /// How often the names of the routers are looked up again.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub resolve_interval: Duration,
    /// Connections to each router, shared by the sessions.
    pub connections_per_router: usize,
    /// Bounds of each session's queue.
    pub queue: QueueConfig,
    /// Most bytes that wait for all sessions together; past it each queue is held to
    /// its share.
    pub queues_total_bytes: usize,
    /// Where the traffic controller runs, for what it tells clients that were too slow.
    pub place: PlaceConfig,
    /// Who may read: the section `[auth]` of the configuration.
    #[serde(skip)]
    pub auth: AuthConfig,
    /// How the WebSocket sessions behave.
    pub sessions: SessionConfig,
    /// `/set-cookie`.
    pub cookie: CookieConfig,
    /// File of the security log: a line in the Common Event Format for each request.
    /// Opened again on SIGHUP; none when absent.
    pub security_log: Option<PathBuf>,
    /// Address of this host in the security log; where the door listens when absent.
    pub security_log_address: Option<IpAddr>,
    /// Answer `/v2/info` and `/` as a cloud controller does, so that clients find this
    /// endpoint where there is none.
    pub info: bool,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
    /// The traffic controller's own metrics as envelopes.
    pub self_metrics: SelfMetricsConfig,
}

/// How WebSocket sessions behave. The times are those of the reference.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// Most sessions at a time; more are answered 503.
    pub max: usize,
    /// Rest between a client's pong and the next ping.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub ping_interval: Duration,
    /// A client that leaves a ping unanswered for this long is disconnected.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub pong_deadline: Duration,
    /// A client whose connection takes nothing for this long, though there is
    /// something to write, is disconnected as a slow consumer.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub write_deadline: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max: 10_000,
            ping_interval: Duration::from_secs(15),
            pong_deadline: Duration::from_secs(30),
            write_deadline: Duration::from_secs(5),
        }
    }
}

impl Default for TrafficControllerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            https: None,
            cipher_suites: Vec::new(),
            routers: Vec::new(),
            zones: Vec::new(),
            router_tls: TlsFiles::default(),
            router_name: "doppler".into(),
            resolve_interval: Duration::from_secs(10),
            connections_per_router: 4,
            queue: QueueConfig::default(),
            queues_total_bytes: 512 << 20,
            place: PlaceConfig::default(),
            auth: AuthConfig::default(),
            sessions: SessionConfig::default(),
            cookie: CookieConfig::default(),
            security_log: None,
            security_log_address: None,
            info: false,
            status: None,
            self_metrics: SelfMetricsConfig {
                interval: Duration::from_secs(60),
                ..SelfMetricsConfig::default()
            },
        }
    }
}
