//! Settings of a log cache and of its gateway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use logweir_cache::{StoreLimits, Types};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    PromqlConfig,
    cluster::{ClusterConfig, SERVER_NAME},
};
use crate::{
    auth::AuthConfig,
    gateway::{HttpsFiles, StreamConfig},
    settings::{GrpcLimits, MetricsDoor, TlsFiles, duration},
};

/// The log cache: keeps everything recent, per source. `logweir run` takes its store,
/// its queries and the size of its messages.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogCacheConfig {
    /// gRPC address to listen on.
    pub listen: SocketAddr,
    /// Identity (role `log-cache`), as a server and towards the other nodes, and the
    /// authorities that sign both.
    pub tls: TlsFiles,
    /// Neither the door nor the other nodes have TLS: only a peer's environment can ask
    /// for that.
    #[serde(skip)]
    pub plaintext: bool,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// What the door accepts. The peers take messages of 50 MiB.
    pub limits: GrpcLimits,
    /// What is kept.
    pub store: StoreConfig,
    /// The nodes that share the work.
    pub cluster: ClusterConfig,
    /// Queries in PromQL.
    pub promql: PromqlConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
    /// Where it is kept over a restart: `data_dir` of the process. Empty: nowhere.
    #[serde(skip)]
    pub data_dir: PathBuf,
}

impl Default for LogCacheConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: TlsFiles::default(),
            plaintext: false,
            cipher_suites: Vec::new(),
            limits: GrpcLimits {
                message_bytes: super::MESSAGE_BYTES,
                ..GrpcLimits::default()
            },
            store: StoreConfig::default(),
            cluster: ClusterConfig::default(),
            promql: PromqlConfig::default(),
            metrics: None,
            status: None,
            data_dir: PathBuf::new(),
        }
    }
}

/// What a log cache keeps.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Most bytes of all sources together, as they are kept. Past it, the source that
    /// holds most loses its own oldest.
    pub bytes: usize,
    /// Most envelopes of one source and one type; `0`: as many as there is room for.
    pub per_source: u64,
    /// What came longer ago than this goes; `0s`: when there is no room any more.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub max_age: Duration,
    /// Types that are kept for a time of their own; `0s`: as the others.
    pub max_age_of: MaxAgeOf,
}

/// How long envelopes of a type are kept.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct MaxAgeOf {
    /// Log lines.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub log: Duration,
    /// Counters.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub counter: Duration,
    /// Gauges.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub gauge: Duration,
    /// Timers, such as a router's of HTTP requests.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timer: Duration,
    /// Events.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub event: Duration,
}

impl MaxAgeOf {
    fn limits(&self) -> Vec<(Types, Duration)> {
        let all = [
            (Types::LOG, self.log),
            (Types::COUNTER, self.counter),
            (Types::GAUGE, self.gauge),
            (Types::TIMER, self.timer),
            (Types::EVENT, self.event),
        ];
        all.into_iter().filter(|(_, age)| !age.is_zero()).collect()
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            per_source: 0,
            max_age: Duration::ZERO,
            max_age_of: MaxAgeOf::default(),
        }
    }
}

impl StoreConfig {
    /// The same as bounds of a store.
    pub fn limits(&self) -> StoreLimits {
        StoreLimits {
            bytes: self.bytes,
            max_age: (!self.max_age.is_zero()).then_some(self.max_age),
            max_age_of: self.max_age_of.limits(),
            per_source_envelopes: (self.per_source > 0).then_some(self.per_source),
            compress: true,
        }
    }
}

/// The log cache gateway: `/api/v1/…` for readers without gRPC.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogCacheGatewayConfig {
    /// HTTP address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key of the door; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// A log cache node, `host:port`.
    pub log_cache: String,
    /// Identity towards the node.
    pub log_cache_tls: TlsFiles,
    /// The node has no TLS: only a peer's environment can say so.
    #[serde(skip)]
    pub plaintext: bool,
    /// Name that the node's certificate must carry.
    pub log_cache_name: String,
    /// Who may read: the section `[auth]` of the configuration.
    #[serde(skip)]
    pub auth: AuthConfig,
    /// Streams of sources that are followed.
    pub stream: StreamConfig,
    /// Queries in PromQL, which are evaluated here.
    pub promql: PromqlConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for LogCacheGatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            https: None,
            log_cache: "127.0.0.1:8080".into(),
            log_cache_tls: TlsFiles::default(),
            plaintext: false,
            log_cache_name: SERVER_NAME.into(),
            auth: AuthConfig::default(),
            stream: StreamConfig::default(),
            promql: PromqlConfig::default(),
            metrics: None,
            status: None,
        }
    }
}
