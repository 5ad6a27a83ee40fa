//! Settings of the gateway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::AuthConfig,
    settings::{MetricsDoor, TlsFiles, duration},
};

/// The gateway: `/v2/read` over HTTP for readers without gRPC.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// HTTP address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key of the door; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// The reverse log proxy, `host:port`.
    pub rlp: String,
    /// Identity towards the reverse log proxy.
    pub rlp_tls: TlsFiles,
    /// Name that the reverse log proxy's certificate must carry.
    pub rlp_name: String,
    /// Who may read: the section `[auth]` of the configuration, which the gateway
    /// and the front door share.
    #[serde(skip)]
    pub auth: AuthConfig,
    /// The stream settings.
    pub stream: StreamConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

/// PEM files of an HTTPS door that asks for no client certificate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct HttpsFiles {
    /// Certificate chain, own leaf first.
    pub cert: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
}

/// How the event streams of `/v2/read` behave.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// A quiet stream gets a heartbeat after this long.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub heartbeat: Duration,
    /// A stream is closed with a `closing` event after this long.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
    /// Most streams at a time.
    pub max_streams: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            timeout: Duration::from_secs(14 * 60),
            max_streams: 10_000,
        }
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8088)),
            https: None,
            rlp: "127.0.0.1:8083".into(),
            rlp_tls: TlsFiles::default(),
            rlp_name: "reverselogproxy".into(),
            auth: AuthConfig::default(),
            stream: StreamConfig::default(),
            metrics: None,
            status: None,
        }
    }
}
