//! Settings of the prom scraper.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{MetricsDoor, QueueConfig, TlsFiles, duration};

/// The prom scraper: reads metrics pages in Prometheus' text format and hands what they
/// say to the agent of the machine. `logweir run` scrapes the same targets.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct PromScraperConfig {
    /// What is scraped.
    pub targets: Vec<TargetConfig>,
    /// Files that name a target each, in YAML: paths in which `*`, `?` and `[…]` stand for
    /// parts of names. They are looked for again every 10 s.
    pub config_globs: Vec<String>,
    /// Source id of series that name none and whose target names none.
    pub source_id: String,
    /// Time between two scrapes of a target that names none.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub interval: Duration,
    /// A target that has not answered in full by then has failed.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
    /// Most bytes of a page; a target with more has failed.
    pub page_bytes: usize,
    /// Most series that are taken of a page; those after are left out and counted.
    pub series: usize,
    /// TLS towards `https` targets that name no files of their own.
    pub target_tls: TargetTls,
    /// Take any certificate of a target.
    pub skip_verification: bool,
    /// The agent, `host:port`.
    pub agent: String,
    /// Name that the agent's certificate must carry.
    pub agent_name: String,
    /// Identity towards the agent, and the authorities that sign it.
    pub tls: TlsFiles,
    /// TLS 1.2 cipher suites by their IANA names. Empty: both AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// A connection that takes nothing for this long while envelopes wait is closed
    /// and replaced.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub stall_timeout: Duration,
    /// Bounds of the queue towards the agent.
    pub queue: QueueConfig,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

/// TLS towards targets.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct TargetTls {
    /// Certificate chain, own leaf first. Empty: none is shown.
    pub cert: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// Certificates of the authorities that a target must chain to. Empty: the system's.
    pub ca: PathBuf,
}

/// A page that is scraped.
#[derive(Clone, Deserialize, Serialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(deny_unknown_fields, default)]
pub struct TargetConfig {
    /// Name or address of the machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: String,
    /// Path of the page.
    pub path: String,
    /// Source id of the series that have no label `source_id`. Empty: that of
    /// `prom_scraper`.
    pub source_id: String,
    /// Instance id of all series.
    pub instance_id: String,
    /// Name that an `https` target's certificate must carry. Empty: its host.
    pub server_name: String,
    /// Headers of the request, a token for instance.
    #[schemars(extend("x-secret" = true))]
    pub headers: BTreeMap<String, String>,
    /// Tags of all series that have no label of that name.
    pub labels: BTreeMap<String, String>,
    /// Time between two scrapes; absent: that of `prom_scraper`, `0s`: never.
    #[serde(with = "optional_duration")]
    #[schemars(with = "duration::Text")]
    pub interval: Option<Duration>,
    /// Certificates of the authorities that it must chain to, PEM.
    pub ca: PathBuf,
    /// Certificate chain shown to it, PEM.
    pub cert: PathBuf,
    /// Private key of that certificate, PEM.
    pub key: PathBuf,
}

impl TargetConfig {
    /// Where the page is, without what may be secret in it.
    pub fn shown(&self) -> String {
        let path = self.path.trim_start_matches('/');
        let path = path.split(['?', '#']).next().unwrap_or_default();
        format!(
            "{}://{}:{}/{path}",
            self.scheme,
            self.authority(),
            self.port
        )
    }

    /// Where the page is.
    pub(super) fn url(&self) -> String {
        let path = self.path.trim_start_matches('/');
        format!(
            "{}://{}:{}/{path}",
            self.scheme,
            self.authority(),
            self.port
        )
    }

    /// The host as a URL writes it.
    fn authority(&self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        }
    }
}

/// Without headers and what follows the path: settings end up in logs.
impl fmt::Debug for TargetConfig {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("TargetConfig")
            .field("page", &self.shown())
            .field("source_id", &self.source_id)
            .finish_non_exhaustive()
    }
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 0,
            scheme: "http".into(),
            path: "/metrics".into(),
            source_id: String::new(),
            instance_id: String::new(),
            server_name: String::new(),
            headers: BTreeMap::new(),
            labels: BTreeMap::new(),
            interval: None,
            ca: PathBuf::new(),
            cert: PathBuf::new(),
            key: PathBuf::new(),
        }
    }
}

impl Default for PromScraperConfig {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            config_globs: Vec::new(),
            source_id: "prom_scraper".into(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            page_bytes: 32 << 20,
            series: 100_000,
            target_tls: TargetTls::default(),
            skip_verification: false,
            agent: "127.0.0.1:3458".into(),
            agent_name: "metron".into(),
            tls: TlsFiles::default(),
            cipher_suites: Vec::new(),
            stall_timeout: Duration::from_secs(5),
            queue: QueueConfig::default(),
            metrics: None,
            status: None,
        }
    }
}

/// A duration that may be absent.
mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::settings::duration;

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_str(&duration::format(*value)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parsed = text.map(|text| duration::parse(&text));
        parsed.transpose().map_err(D::Error::custom)
    }
}
