//! Settings of a nozzle to Kafka.

use std::{fmt, time::Duration};

use logweir_net::resolve::Target;

use crate::{
    binding::Pem,
    kafka::{records::Compression, scram::Hash},
    secret::Secret,
};

/// A topic. An envelope's key is its source id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Brokers of the cluster; one that answers is enough to find the others.
    pub brokers: Vec<Target>,
    /// The topic.
    pub topic: String,
    /// What a record's value is.
    pub value: Value,
    /// How records are compressed.
    pub compression: Compression,
    /// How long the first envelope waits for others to go with it.
    pub linger: Duration,
    /// Most bytes of a batch of records, before compression. One that is larger goes alone.
    pub batch_bytes: usize,
    /// TLS, with a certificate of ours and authorities of the cluster where there are any.
    pub tls: Option<Pem>,
    /// Who we say we are.
    pub sasl: Option<Sasl>,
}

/// What a record's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// The envelope's JSON, on one line.
    #[default]
    Json,
    /// The envelope's protobuf bytes.
    Protobuf,
}

/// How a broker is told who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// By which mechanism.
    pub mechanism: Mechanism,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself.
    Plain,
    /// A proof of it.
    Scram(Hash),
}

impl Mechanism {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(hash) => hash.mechanism(),
        }
    }
}

impl fmt::Display for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brokers: Vec<_> = self.brokers.iter().map(ToString::to_string).collect();
        write!(f, "kafka://{}/{}", brokers.join(","), self.topic)
    }
}
