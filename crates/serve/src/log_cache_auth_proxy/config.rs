//! Settings of the auth proxy.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::UaaConfig,
    gateway::HttpsFiles,
    settings::{MetricsDoor, duration},
};

/// The auth proxy of a log cache: lets users read their apps and administrators
/// everything, from a gateway that asks nobody who they are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogCacheAuthProxyConfig {
    /// HTTP address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key of the door; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// Base URL of the gateway.
    pub gateway: String,
    /// Authorities of the gateway's certificate; empty: the ones of the system.
    pub gateway_ca: PathBuf,
    /// Cloud Foundry's token server, whose keys sign tokens: `/token_keys` is asked there.
    pub uaa: Option<UaaConfig>,
    /// Cloud Foundry's API, which knows what a user may see.
    pub capi: ProxyCapiConfig,
    /// How long it is remembered that a user may see an app; `0s` not at all.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub cache_ttl: Duration,
    /// Most of these that are remembered; the least recently used goes.
    pub cache_entries: usize,
    /// Pass PromQL queries on. Otherwise they are answered with 501.
    pub promql: bool,
    /// File that gets a line in the Common Event Format for each request; none when absent.
    pub security_log: Option<PathBuf>,
    /// Address of this machine in those lines; absent: the one that is listened on.
    pub security_log_address: Option<IpAddr>,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

/// Cloud Foundry's API, as users ask it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyCapiConfig {
    /// Base URL: `/v3/apps` and `/v3/service_instances` are asked there.
    pub url: String,
    /// Authorities of its certificate; empty: the ones of the system.
    pub ca: PathBuf,
    /// Name that its certificate must carry; empty: the host of the URL.
    pub server_name: String,
    /// Accept any certificate.
    pub skip_verify: bool,
}

impl Default for LogCacheAuthProxyConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8083)),
            https: None,
            gateway: "http://127.0.0.1:8081".into(),
            gateway_ca: PathBuf::new(),
            uaa: None,
            capi: ProxyCapiConfig::default(),
            cache_ttl: Duration::from_secs(60),
            cache_entries: 10_000,
            promql: true,
            security_log: None,
            security_log_address: None,
            metrics: None,
            status: None,
        }
    }
}
