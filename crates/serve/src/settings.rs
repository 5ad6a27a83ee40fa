//! Settings that several roles share: TLS files, queue bounds, limits.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use logweir_route::notice_v1::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::LocalToken, drains::DrainConfig, log_cache::cluster::ClusterNodes, nozzles::NozzleConfig,
};

/// PEM files of one side of a mutual-TLS connection. Re-read when they change.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// Certificate chain, own leaf first. Empty: the one made in `DATA_DIR/certs`.
    pub cert: PathBuf,
    /// Private key of the leaf (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// Certificates of the authorities that the other side must chain to.
    pub ca: PathBuf,
}

/// Bounds of one subscriber's queue. The oldest chunk goes when either is passed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// Most bytes of envelopes that wait for one subscriber.
    pub bytes: usize,
    /// Most envelopes that wait for one subscriber.
    pub envelopes: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            envelopes: 65_536,
        }
    }
}

/// What one gRPC door accepts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcLimits {
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Most streams of one connection at a time.
    pub streams_per_connection: u32,
    /// Largest gRPC message read, in bytes. The peers use 10 MiB.
    pub message_bytes: usize,
}

impl Default for GrpcLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams_per_connection: 10_000,
            message_bytes: 10 << 20,
        }
    }
}

/// Where a role runs: what it tells readers of V1 itself carries these fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PlaceConfig {
    /// Deployment.
    pub deployment: String,
    /// Job.
    pub job: String,
    /// Index, or instance id.
    pub index: String,
    /// IP address.
    pub ip: String,
}

impl PlaceConfig {
    /// As notices have it.
    pub(crate) fn place(&self) -> Arc<Place> {
        Arc::new(Place {
            deployment: self.deployment.as_str().into(),
            job: self.job.as_str().into(),
            index: self.index.as_str().into(),
            ip: self.ip.as_str().into(),
        })
    }
}

/// Where a role sends its own metrics as envelopes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SelfMetricsConfig {
    /// The local agent's gRPC address, `host:port`. Empty: metrics are only scraped.
    pub agent: String,
    /// How often counters and gauges are sent; `0s` never.
    #[serde(with = "crate::settings::duration")]
    #[schemars(with = "crate::settings::duration::Text")]
    pub interval: Duration,
    /// `source_id` of the envelopes. Empty: the peer's name of the role.
    pub source_id: String,
    /// Send them under the names of the first generation as well, such as
    /// `DopplerServer.listeners.receivedEnvelopes`, for dashboards of that time.
    pub legacy_metric_names: bool,
}

impl Default for SelfMetricsConfig {
    fn default() -> Self {
        Self {
            agent: String::new(),
            interval: Duration::from_secs(5),
            source_id: String::new(),
            legacy_metric_names: false,
        }
    }
}

/// What changes in a running process when its configuration is read again. The
/// roles get it as a [`tokio::sync::watch`] value; everything else needs a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Tokens of this installation (`auth.tokens`).
    pub tokens: Vec<LocalToken>,
    /// Default tags of the agent (`agent.tags`).
    pub tags: BTreeMap<String, String>,
    /// Drains that the configuration names (`drains`).
    pub drains: Vec<DrainConfig>,
    /// The nodes of the log cache (`log_cache.cluster`).
    pub cache_nodes: ClusterNodes,
    /// Nozzles (`nozzles`).
    pub nozzles: Vec<NozzleConfig>,
}

/// An HTTPS door for `/metrics` that asks for a client certificate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MetricsDoor {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Server identity, and the authorities that sign its clients.
    pub tls: TlsFiles,
}

/// Durations as people write them: `250ms`, `15s`, `14m`, `1h30m`.
pub mod duration {
    use std::{borrow::Cow, time::Duration};

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Stands for a duration in the schema that the reference of the settings is
    /// made from.
    pub struct Text;

    impl JsonSchema for Text {
        fn schema_name() -> Cow<'static, str> {
            "Duration".into()
        }

        fn inline_schema() -> bool {
            true
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "format": "duration" })
        }
    }

    /// Writes a duration as `1h2m3s` or, below a second, `250ms`.
    pub fn format(value: Duration) -> String {
        let millis = value.as_millis();
        if millis == 0 {
            return "0s".into();
        }
        if !millis.is_multiple_of(1000) {
            return format!("{millis}ms");
        }
        let seconds = value.as_secs();
        let mut text = String::new();
        for (unit, size) in [("h", 3600), ("m", 60), ("s", 1)] {
            let amount = match unit {
                "h" => seconds / size,
                _ => seconds % (size * 60) / size,
            };
            if amount > 0 {
                text.push_str(&format!("{amount}{unit}"));
            }
        }
        text
    }

    /// Reads `1h30m`, `15s`, `250ms`. A number without a unit is an error.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let wrong = || format!("`{text}` is no duration; write it as 250ms, 15s, 14m or 1h30m");
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Duration::ZERO);
        }
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(wrong)?;
            let amount: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let end = rest
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(rest.len());
            let seconds = match &rest[..end] {
                "ns" => amount / 1e9,
                "us" | "µs" => amount / 1e6,
                "ms" => amount / 1e3,
                "s" => amount,
                "m" => amount * 60.0,
                "h" => amount * 3600.0,
                _ => return Err(wrong()),
            };
            total = total
                .checked_add(Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?)
                .ok_or_else(wrong)?;
            rest = &rest[end..];
        }
        Ok(total)
    }

    /// For `#[serde(with)]`.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format(*value))
    }

    /// For `#[serde(with)]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
