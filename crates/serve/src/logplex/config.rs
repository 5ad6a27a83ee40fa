//! Settings of Logplex.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Rods;
use crate::{
    auth::AuthConfig,
    drains::DeliveryConfig,
    gateway::HttpsFiles,
    log_cache::StoreConfig,
    settings::{MetricsDoor, QueueConfig, TlsFiles, duration},
    syslog_in::SyslogTls,
};

/// Logplex: channels, tokens, drains and sessions. `logweir run` answers for all of it on its
/// front door, takes its lines on `run.syslog`, and reads neither the addresses nor the TLS
/// files of this section.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogplexConfig {
    /// HTTP address of the v1 and v2 API and of sessions.
    pub listen: SocketAddr,
    /// HTTP address of the v3 API.
    pub v3: SocketAddr,
    /// HTTP address of `POST /logs`.
    pub input: SocketAddr,
    /// TCP address of syslog messages that name a token.
    pub syslog: SocketAddr,
    /// Certificate and key of the three HTTP doors; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// TLS of the TCP door; plain TCP when absent.
    pub syslog_tls: Option<SyslogTls>,
    /// Key that opens every API as `Authorization: Basic KEY`, not encoded. Empty: none.
    #[schemars(extend("x-secret" = true))]
    pub auth_key: String,
    /// What the URLs of sessions begin with. Empty: `http://localhost` and the port of the
    /// door that answers for sessions.
    pub api_url: String,
    /// What the `Location` of drains begins with. Empty: `http://localhost` and the port of
    /// the door that answers for v3.
    pub v3_url: String,
    /// A session can be opened for this long after it was made.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub session_expiry: Duration,
    /// Lines of a channel that are kept, and one more. Where the log cache keeps them its
    /// budget of bytes bounds them too.
    pub history_lines: usize,
    /// Show as many lines of the history as were asked for; Logplex shows one more.
    pub exact_num: bool,
    /// Most drains of a channel; those without a URL do not count.
    pub max_drains: usize,
    /// Refuse a whole request for one bad frame or a wrong `Logplex-Msg-Count`, and write
    /// drains to the byte, as Logplex does.
    pub strict: bool,
    /// Largest body of `POST /logs` as it is sent, in bytes; unpacked it may be eight times
    /// as large.
    pub body_bytes: usize,
    /// A frame id or request id of a sender is known again for this long.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub dedupe_window: Duration,
    /// Channel that is told Logplex's own figures, once a minute. Empty: none.
    pub metrics_channel: String,
    /// What of every channel's lines goes to the drains of some channels.
    pub firehose: FirehoseConfig,
    /// Redis, for several nodes; without it everything is kept in the data directory.
    pub redis: RedisConfig,
    /// The nodes that share one Redis.
    pub cluster: LogplexClusterConfig,
    /// What the role keeps of recent lines; `logweir run` keeps them in its log cache.
    pub store: StoreConfig,
    /// Bounds of each reader's and each drain's queue; of `logweir run` those of its router.
    pub queue: QueueConfig,
    /// Bytes that may wait in all queues together.
    pub queues_total_bytes: usize,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`, `/_metrics`); none when
    /// absent.
    pub status: Option<SocketAddr>,
    /// What is switched off on this node, whatever the others do: only a peer's environment
    /// can ask for that.
    #[serde(skip)]
    pub rods: Rods,
    /// How drains are delivered: the section `[delivery]` of the configuration.
    #[serde(skip)]
    pub delivery: DeliveryConfig,
    /// Who may use `/api/logplex`: the section `[auth]` of the configuration.
    #[serde(skip)]
    pub auth: AuthConfig,
    /// Where channels are kept without Redis: `data_dir` of the process.
    #[serde(skip)]
    pub data_dir: PathBuf,
}

/// What of every channel's lines goes to the drains of some channels.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct FirehoseConfig {
    /// Ids of the channels whose drains get them; each line goes to one of these, by lot.
    pub channels: Vec<String>,
    /// Names of the tokens whose lines they are.
    pub tokens: Vec<String>,
}

/// Where channels are kept for several nodes, in Logplex's own layout.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. Empty: none.
    #[schemars(extend("x-secret" = true))]
    pub url: String,
    /// Keep recent lines in Redis (`ch:ID:spool`) instead of in the owner's memory.
    pub history: bool,
    /// Redis servers that recent lines are spread over; `#NAME` at the end of a URL is what
    /// they are sorted by. Empty: the one of `url`.
    #[schemars(extend("x-secret" = true))]
    pub shards: Vec<String>,
    /// Recent lines in Redis go after this long without a new one.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub history_age: Duration,
}

impl RedisConfig {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }
}

/// The nodes that share one Redis. Each channel has one node among them, its owner, which
/// keeps its recent lines, serves its sessions and runs its drains.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogplexClusterConfig {
    /// gRPC address for the other nodes, mutual TLS. Used with Redis only.
    pub listen: SocketAddr,
    /// Where the other nodes reach it, `HOST:PORT`. Empty: the address of `listen`.
    pub advertise: String,
    /// What this cluster's nodes are told apart by from others' on the same Redis.
    pub domain: String,
    /// Redis where nodes meet. Empty: that of `logplex.redis.url`.
    #[schemars(extend("x-secret" = true))]
    pub redis_url: String,
    /// Identity towards the other nodes, both as a server and as a client.
    pub tls: TlsFiles,
    /// The nodes speak to each other without TLS: only a peer's environment can ask for that.
    #[serde(skip)]
    pub plaintext: bool,
    /// Name that the certificates of nodes must carry.
    pub server_name: String,
    /// A node that has not been heard of for this long is none of the cluster any more. It
    /// says that it is there four times as often.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub expiry: Duration,
    /// Bounds of what waits for each of the other nodes.
    pub queue: QueueConfig,
}

impl Default for LogplexClusterConfig {
    fn default() -> Self {
        Self {
            listen: local(8602),
            advertise: String::new(),
            domain: "logweir".into(),
            redis_url: String::new(),
            tls: TlsFiles::default(),
            plaintext: false,
            server_name: crate::log_cache::cluster::SERVER_NAME.into(),
            expiry: Duration::from_secs(6),
            queue: QueueConfig::default(),
        }
    }
}

impl Default for LogplexConfig {
    fn default() -> Self {
        Self {
            listen: local(8001),
            v3: local(8002),
            input: local(8601),
            syslog: local(6001),
            https: None,
            syslog_tls: None,
            auth_key: String::new(),
            api_url: String::new(),
            v3_url: String::new(),
            session_expiry: Duration::from_secs(360),
            history_lines: 1_500,
            exact_num: false,
            max_drains: 6,
            strict: false,
            body_bytes: 8_000_000,
            dedupe_window: Duration::from_secs(300),
            metrics_channel: String::new(),
            firehose: FirehoseConfig::default(),
            redis: RedisConfig {
                history_age: Duration::from_secs(7 * 24 * 3600),
                ..RedisConfig::default()
            },
            cluster: LogplexClusterConfig::default(),
            store: StoreConfig::default(),
            queue: QueueConfig::default(),
            queues_total_bytes: 256 << 20,
            metrics: None,
            status: None,
            rods: Rods::default(),
            delivery: DeliveryConfig::default(),
            auth: AuthConfig::default(),
            data_dir: PathBuf::new(),
        }
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Without the secrets: settings end up in logs.
impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("history", &self.history)
            .field("shards", &self.shards.len())
            .finish_non_exhaustive()
    }
}

/// Without the secrets: settings end up in logs.
impl std::fmt::Debug for LogplexClusterConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogplexClusterConfig")
            .field("listen", &self.listen)
            .field("advertise", &self.advertise)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Without the secrets: settings end up in logs.
impl std::fmt::Debug for LogplexConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogplexConfig")
            .field("listen", &self.listen)
            .field("v3", &self.v3)
            .field("input", &self.input)
            .field("syslog", &self.syslog)
            .field("redis", &self.redis)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}
