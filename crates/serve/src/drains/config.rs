//! Settings of drains: how they are delivered, and those that the configuration names.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use logweir_drain::{
    delivery::{Settings, SpoolSettings},
    secret::Secret,
    url::UrlDefaults,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::{Definition, DefinitionError};
use crate::settings::duration;

/// How drains are delivered, by `logweir run` and by the syslog agent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryConfig {
    /// PEM file of authorities that vouch for receivers beside the system's. Empty: none.
    pub trusted_ca: PathBuf,
    /// Accept any certificate of any receiver.
    pub skip_cert_verify: bool,
    /// TLS 1.2 cipher suites by their IANA names. Empty: all AES-GCM suites.
    pub cipher_suites: Vec<String>,
    /// Addresses that no drain may lead to, `START-END` each, both included.
    pub blocked_ranges: Vec<String>,
    /// Addresses that drains of Logplex channels may lead to although they are those of this
    /// machine or link-local, `START-END` each, both included. Where every door of Logplex is on
    /// the loopback, the loopback is open without this.
    pub allowed_ranges: Vec<String>,
    /// Tags go into the structured data of messages, unless a drain's URL says otherwise.
    pub metadata: bool,
    /// For a receiver's name, TCP and TLS together.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub connect_timeout: Duration,
    /// A connection whose receiver takes nothing for this long is given up.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub write_timeout: Duration,
    /// For an HTTPS request, from its first byte to the last of its answer.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub answer_timeout: Duration,
    /// A connection is closed after this long without anything to send.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub idle_timeout: Duration,
    /// Connections of drains of one source are replaced at this age.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub connection_age: Duration,
    /// Connections of drains of all sources are replaced at this age.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub aggregate_connection_age: Duration,
    /// Longest pause between two attempts; the first is a few milliseconds.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub retry_max: Duration,
    /// What could not be delivered for this long is dropped, and counted.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub give_up_after: Duration,
    /// Directory for what drains with `logweir-spool=true` have not delivered. Empty: `spool` in
    /// the data directory, for roles that have one; otherwise such drains are as all others.
    pub spool_dir: PathBuf,
    /// Most bytes of one drain in it.
    pub spool_bytes: u64,
    /// An app is told about one drain at most this often.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub notice_interval: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        let Settings {
            connect_timeout,
            write_timeout,
            answer_timeout,
            idle,
            max_age,
            max_age_aggregate,
            backoff_max,
            give_up_after,
            notice_interval,
            ..
        } = Settings::default();
        Self {
            trusted_ca: PathBuf::new(),
            skip_cert_verify: false,
            cipher_suites: Vec::new(),
            blocked_ranges: Vec::new(),
            allowed_ranges: Vec::new(),
            metadata: true,
            connect_timeout,
            write_timeout,
            answer_timeout,
            idle_timeout: idle,
            connection_age: max_age,
            aggregate_connection_age: max_age_aggregate,
            retry_max: backoff_max,
            give_up_after,
            spool_dir: PathBuf::new(),
            spool_bytes: 1 << 30,
            notice_interval,
        }
    }
}

impl DeliveryConfig {
    /// What URLs that say nothing get.
    pub fn url_defaults(&self) -> UrlDefaults {
        UrlDefaults {
            metadata: self.metadata,
        }
    }

    /// Where spools are, if there are any.
    pub(super) fn spool(&self) -> Option<SpoolSettings> {
        let dir = Some(&self.spool_dir).filter(|dir| !dir.as_os_str().is_empty())?;
        Some(SpoolSettings {
            dir: dir.clone(),
            bytes: self.spool_bytes,
        })
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            connect_timeout: self.connect_timeout,
            write_timeout: self.write_timeout,
            answer_timeout: self.answer_timeout,
            idle: self.idle_timeout,
            max_age: self.connection_age,
            max_age_aggregate: self.aggregate_connection_age,
            backoff_max: self.retry_max,
            give_up_after: self.give_up_after,
            notice_interval: self.notice_interval,
            ..Settings::default()
        }
    }
}

/// A drain that the configuration names.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct DrainConfig {
    /// Where to: `syslog://`, `syslog-tls://`, `syslog-udp://`, `https://` or
    /// `https-batch://`, with its parameters.
    #[schemars(with = "String", extend("x-secret" = true))]
    pub url: Secret,
    /// Whose envelopes. Empty: those of all sources.
    #[serde(default)]
    pub source_id: String,
    /// `HOSTNAME` of the messages where envelopes do not say it. Empty: `-`.
    #[serde(default)]
    pub hostname: String,
    /// PEM file of our certificate for this receiver. Empty: none.
    #[serde(default)]
    pub cert: PathBuf,
    /// PEM file of its private key.
    #[serde(default)]
    pub key: PathBuf,
    /// PEM file of authorities that vouch for this receiver alone. Empty: none.
    #[serde(default)]
    pub ca: PathBuf,
    /// Headers of HTTPS requests, such as tokens.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("x-secret" = true))]
    pub headers: BTreeMap<String, Secret>,
}

impl DrainConfig {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn definition(&self) -> Result<Definition, DefinitionError> {
        let read = |path: &PathBuf| match path.as_os_str().is_empty() {
            true => Ok(Secret::default()),
            false => std::fs::read_to_string(path)
                .map(Secret::new)
                .map_err(|error| DefinitionError::File {
                    path: path.clone(),
                    reason: error.to_string(),
                }),
        };
        Ok(Definition {
            url: self.url.clone(),
            source_id: self.source_id.clone(),
            hostname: self.hostname.clone(),
            cert: read(&self.cert)?,
            key: read(&self.key)?,
            ca: read(&self.ca)?,
            headers: self.headers.clone(),
        })
    }

    /// Whether it is more than what the configuration itself says.
    pub(super) fn has_files(&self) -> bool {
        let files = [&self.cert, &self.key, &self.ca];
        files.iter().any(|path| !path.as_os_str().is_empty())
    }
}
