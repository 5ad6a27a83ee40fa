//! Nozzles as the configuration names them. What they are is
//! [`logweir_drain::nozzle`]; they run among the [drains](crate::drains).
//!
//! A new kind is a file here with its settings, and a table of [`NozzleConfig`].

mod feed;
mod file;
mod graphite;
mod kafka;
mod role;

#[cfg(test)]
mod tests;

use logweir_drain::nozzle::{KINDS, Nozzle, NozzleError, Takes, To, kind_name};
use logweir_proto::peek::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use feed::Feed;
pub use file::FileConfig;
pub use graphite::GraphiteConfig;
pub use kafka::KafkaConfig;
pub use role::{NozzleRoleConfig, start};

/// An exit that only the configuration can name, as it may write to files of this machine. One
/// of its tables says where to: `file`, `graphite` or `kafka`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NozzleConfig {
    /// Its name: letters a-z, digits, `-` and `_`. It is shown as `nozzle-NAME`.
    pub name: String,
    /// Kinds of envelopes that it takes: `log`, `counter`, `gauge`, `timer`, `event`. Empty: all
    /// that can be said where it leads.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Whose envelopes. Empty: those of all sources.
    #[serde(default)]
    pub source_ids: Vec<String>,
    /// Nozzles and readers of one shard id share the envelopes that they ask for alike. Empty:
    /// this one gets all of them.
    #[serde(default)]
    pub shard_id: String,
    /// Keep on disk what is not delivered, as drains with `logweir-spool=true` do: at least once
    /// instead of at most once.
    #[serde(default)]
    pub spool: bool,
    /// JSON lines in a file.
    #[serde(default)]
    pub file: Option<FileConfig>,
    /// Lines to Carbon.
    #[serde(default)]
    pub graphite: Option<GraphiteConfig>,
    /// Records for Kafka.
    #[serde(default)]
    pub kafka: Option<KafkaConfig>,
}

/// Why a table of the configuration makes no nozzle.
#[derive(Debug, thiserror::Error)]
pub enum NozzleConfigError {
    /// Name or kinds.
    #[error(transparent)]
    Nozzle(#[from] NozzleError),
    /// A word that is no kind.
    #[error("`{0}` is no kind of envelope; those are log, counter, gauge, timer and event")]
    Kind(String),
    /// None or several places.
    #[error("a nozzle needs one of the tables `file`, `graphite` and `kafka`, and has {0} of them")]
    Tables(usize),
    /// A key of one of the tables.
    #[error("{table}.{key}: {reason}")]
    Setting {
        /// Which table.
        table: &'static str,
        /// Which key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl NozzleConfig {
    /// The nozzle, checked as far as it can be without opening anything.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn nozzle(&self) -> Result<Nozzle, NozzleConfigError> {
        let file = self.file.as_ref().map(FileConfig::to);
        let graphite = self.graphite.as_ref().map(GraphiteConfig::to);
        let kafka = self.kafka.as_ref().map(KafkaConfig::to);
        let mut all: Vec<_> = [file, graphite, kafka].into_iter().flatten().collect();
        let to: To = match (all.pop(), all.len()) {
            (Some(only), 0) => only?,
            (None, _) => return Err(NozzleConfigError::Tables(0)),
            (Some(_), others) => return Err(NozzleConfigError::Tables(others + 1)),
        };
        let takes = Takes {
            kinds: self
                .kinds
                .iter()
                .map(|word| kind(word))
                .collect::<Result<_, _>>()?,
            sources: self.source_ids.clone(),
            shard: self.shard_id.clone(),
        };
        Ok(Nozzle::new(&self.name, takes, self.spool, to)?)
    }

    /// Whether it is more than what the configuration itself says.
    pub(crate) fn has_files(&self) -> bool {
        self.kafka.as_ref().is_some_and(KafkaConfig::has_files)
    }
}

fn kind(word: &str) -> Result<Kind, NozzleConfigError> {
    let found = KINDS.into_iter().find(|kind| kind_name(*kind) == word);
    found.ok_or_else(|| NozzleConfigError::Kind(word.to_owned()))
}
