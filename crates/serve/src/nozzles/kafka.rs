//! `[nozzles.kafka]`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use logweir_drain::{
    binding::Pem,
    credentials,
    kafka::{records::Compression, scram::Hash},
    nozzle::{KafkaSettings, Mechanism, Sasl, To, Value},
    secret::Secret,
};
use logweir_net::resolve::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NozzleConfigError;
use crate::settings::duration;

/// Longest name of a topic (Kafka's `Topic.MAX_NAME_LENGTH`).
const TOPIC: usize = 249;

/// A batch is not asked to be larger than this.
const MOST_BYTES: usize = 16 << 20;

/// Records of a topic, an envelope each. The key is the source id, so that the records of one
/// source keep their order; acknowledged by all replicas that are in sync.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Brokers of the cluster, `host:port` each. One that answers is enough to find the others.
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// What a record's value is: `json` (the envelope as one line of JSON) or `protobuf` (its
    /// bytes).
    #[serde(default = "format")]
    pub format: String,
    /// How batches of records are compressed: `none`, `lz4` or `gzip`.
    #[serde(default = "compression")]
    pub compression: String,
    /// How long the first envelope waits for others to go with it.
    #[serde(with = "duration", default = "linger")]
    #[schemars(with = "duration::Text")]
    pub linger: Duration,
    /// Most bytes of a batch before compression. A larger envelope goes alone, and is lost as
    /// `too_large` if it is larger than the topic takes (`max.message.bytes`).
    #[serde(default = "batch_bytes")]
    pub batch_bytes: usize,
    /// Speak TLS with the brokers.
    #[serde(default)]
    pub tls: bool,
    /// PEM file of authorities that vouch for the brokers. Empty: those of `[delivery]`.
    #[serde(default)]
    pub ca: PathBuf,
    /// PEM file of our certificate for the brokers. Empty: none.
    #[serde(default)]
    pub cert: PathBuf,
    /// PEM file of its private key.
    #[serde(default)]
    pub key: PathBuf,
    /// How the brokers learn who we are: `none`, `plain`, `scram-sha-256` or `scram-sha-512`.
    #[serde(default = "sasl")]
    pub sasl: String,
    /// The user of `sasl`.
    #[serde(default)]
    pub user: String,
    /// File with the password of `sasl`, and perhaps a newline after it.
    #[serde(default)]
    pub password_file: PathBuf,
}

fn format() -> String {
    "json".to_owned()
}

fn compression() -> String {
    "lz4".to_owned()
}

fn linger() -> Duration {
    Duration::from_millis(50)
}

fn batch_bytes() -> usize {
    512 << 10
}

fn sasl() -> String {
    "none".to_owned()
}

impl KafkaConfig {
    pub(super) fn to(&self) -> Result<To, NozzleConfigError> {
        let value = choose("format", &self.format, FORMATS)?;
        let compression = choose("compression", &self.compression, COMPRESSIONS)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let topic = &self.topic;
        if !(1..=TOPIC).contains(&topic.len()) || !topic.chars().all(fits) {
            let reason = format!(
                "`{topic}` is no name of a topic: 1 to {TOPIC} letters, digits, dots, hyphens and \
                 underscores were expected"
            );
            return Err(wrong("topic", reason));
        }
        if !(1..=MOST_BYTES).contains(&self.batch_bytes) {
            let reason = format!("{} is not between 1 and {MOST_BYTES}", self.batch_bytes);
            return Err(wrong("batch_bytes", reason));
        }
        Ok(To::Kafka(KafkaSettings {
            brokers: self.brokers()?,
            topic: topic.clone(),
            value,
            compression,
            linger: self.linger,
            batch_bytes: self.batch_bytes,
            tls: self.tls()?,
            sasl: self.sasl()?,
        }))
    }

    fn brokers(&self) -> Result<Vec<Target>, NozzleConfigError> {
        if self.brokers.is_empty() {
            return Err(wrong("brokers", "name at least one `host:port`".to_owned()));
        }
        let brokers = self.brokers.iter().map(|text| match text.parse() {
            Ok(target @ Target::HostPort(..)) => Ok(target),
            Ok(Target::Srv(_)) => Err(wrong("brokers", format!("`{text}` is no host:port"))),
            Err(error) => Err(wrong("brokers", format!("{error}"))),
        });
        brokers.collect()
    }

    fn tls(&self) -> Result<Option<Pem>, NozzleConfigError> {
        let files = [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)];
        let mut named = files.iter().filter(|(_, path)| !is_empty(path));
        if !self.tls {
            return match named.next() {
                None => Ok(None),
                Some((key, _)) => Err(wrong(
                    key,
                    "it is of no use without `tls = true`".to_owned(),
                )),
            };
        }
        if is_empty(&self.cert) != is_empty(&self.key) {
            let reason = "a certificate and its key need each other".to_owned();
            return Err(wrong("cert", reason));
        }
        let [ca, cert, key] = files.map(|(key, path)| read(key, path));
        let pem = Pem {
            ca: ca?,
            cert: cert?,
            key: key?,
        };
        match credentials::check(&pem) {
            Ok(()) => Ok(Some(pem)),
            Err(credentials::CredentialsError::Identity) => Err(wrong(
                "cert",
                "certificate and key are malformed or do not belong together".to_owned(),
            )),
            Err(credentials::CredentialsError::Authorities) => {
                Err(wrong("ca", "there is no certificate in it".to_owned()))
            }
        }
    }

    fn sasl(&self) -> Result<Option<Sasl>, NozzleConfigError> {
        let Some(mechanism) = choose("sasl", &self.sasl, MECHANISMS)? else {
            return match self.user.is_empty() && is_empty(&self.password_file) {
                true => Ok(None),
                false => Err(wrong(
                    "sasl",
                    "user and password need a mechanism".to_owned(),
                )),
            };
        };
        if self.user.is_empty() || self.user.contains('\0') {
            return Err(wrong("user", "a user is needed".to_owned()));
        }
        if is_empty(&self.password_file) {
            return Err(wrong("password_file", "a password is needed".to_owned()));
        }
        let password = read("password_file", &self.password_file)?;
        let password = password.reveal().trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(wrong("password_file", "it is empty".to_owned()));
        }
        Ok(Some(Sasl {
            mechanism,
            user: self.user.clone(),
            password: Secret::new(password),
        }))
    }

    /// Whether it is more than what the configuration itself says.
    pub(super) fn has_files(&self) -> bool {
        let files = [&self.ca, &self.cert, &self.key, &self.password_file];
        !files.into_iter().all(|path| is_empty(path))
    }
}

const FORMATS: &[(&str, Value)] = &[("json", Value::Json), ("protobuf", Value::Protobuf)];

const COMPRESSIONS: &[(&str, Compression)] = &[
    ("none", Compression::None),
    ("lz4", Compression::Lz4),
    ("gzip", Compression::Gzip),
];

const MECHANISMS: &[(&str, Option<Mechanism>)] = &[
    ("none", None),
    ("plain", Some(Mechanism::Plain)),
    ("scram-sha-256", Some(Mechanism::Scram(Hash::Sha256))),
    ("scram-sha-512", Some(Mechanism::Scram(Hash::Sha512))),
];

fn choose<T: Copy>(
    key: &'static str,
    word: &str,
    of: &[(&'static str, T)],
) -> Result<T, NozzleConfigError> {
    let found = of.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<_> = of.iter().map(|(name, _)| *name).collect();
        wrong(key, format!("`{word}` is none of {}", all.join(", ")))
    })
}

/// What is in a file; nothing if there is none.
fn read(key: &'static str, path: &Path) -> Result<Secret, NozzleConfigError> {
    match is_empty(path) {
        true => Ok(Secret::default()),
        false => fs::read_to_string(path)
            .map(Secret::new)
            .map_err(|error| wrong(key, format!("cannot read {}: {error}", path.display()))),
    }
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn wrong(key: &'static str, reason: String) -> NozzleConfigError {
    NozzleConfigError::Setting {
        table: "kafka",
        key,
        reason,
    }
}
