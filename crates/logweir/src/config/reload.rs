//! Reading the configuration again while the process runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use logweir_serve::settings::Live;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    load::{Loaded, Sources},
    problem::ConfigError,
    settings::Settings,
};
use crate::logging::{self, Level};

/// Keys, and tables of keys, that change without a restart.
const LIVE: [&str; 7] = [
    "log_level",
    "agent.tags",
    "auth.tokens",
    "drains",
    "nozzles",
    "log_cache.cluster.nodes",
    "log_cache.cluster.index",
];

/// What of the settings a running role takes up.
pub(crate) fn live(settings: &Settings) -> Live {
    Live {
        tokens: settings.auth.tokens.clone(),
        tags: settings.agent.tags.clone(),
        drains: settings.drains.clone(),
        cache_nodes: settings.log_cache.cluster.list(),
        nozzles: settings.nozzles.clone(),
    }
}

/// Knows what is in force, and how to read what would be.
pub(crate) struct Reloader {
    /// Gathers, parses and checks as at the start, flags included.
    read: Box<dyn Fn() -> Result<(Sources, Loaded), ConfigError> + Send>,
    file: Option<PathBuf>,
    /// The text of the file when it was last looked at, right or wrong.
    seen: Option<String>,
    settings: Settings,
    level: Level,
}

impl Reloader {
    /// Starts from what is in force.
    pub(crate) fn new(
        read: impl Fn() -> Result<(Sources, Loaded), ConfigError> + Send + 'static,
        sources: &Sources,
        settings: Settings,
        level: Level,
    ) -> Self {
        let (file, seen) = sources.file.clone().unzip();
        Self {
            read: Box::new(read),
            file,
            seen,
            settings,
            level,
        }
    }

    /// Reads again if the file is not what it was.
    pub(crate) fn reload_if_changed(&mut self, to: &watch::Sender<Live>) {
        let Some(file) = &self.file else { return };
        let text = fs::read_to_string(file).ok();
        if text != self.seen {
            self.seen = text;
            self.reload(to);
        }
    }

    /// Reads again; applies what can change, reports what cannot and what is wrong.
    pub(crate) fn reload(&mut self, to: &watch::Sender<Live>) {
        let (sources, loaded) = match (self.read)() {
            Ok(read) => read,
            Err(error) => {
                tracing::error!("configuration not taken up, the last good one stays: {error}");
                return;
            }
        };
        self.seen = sources.file.map(|(_, text)| text);
        let (now, later): (Vec<_>, Vec<_>) = changes(&self.settings, &loaded.settings)
            .into_iter()
            .partition(|key| applies(key));
        if self.settings.log_level != loaded.settings.log_level
            && let Ok(filter) = logging::filter(&loaded.settings.log_level)
            && let Err(error) = self.level.reload(filter)
        {
            tracing::error!("the log level stays: {error}");
        }
        to.send_if_modified(|value| {
            let fresh = live(&loaded.settings);
            let changed = *value != fresh;
            *value = fresh;
            changed
        });
        self.settings.log_level = loaded.settings.log_level;
        self.settings.agent.tags = loaded.settings.agent.tags;
        self.settings.auth.tokens = loaded.settings.auth.tokens;
        self.settings.drains = loaded.settings.drains;
        self.settings.nozzles = loaded.settings.nozzles;
        let cluster = loaded.settings.log_cache.cluster;
        self.settings.log_cache.cluster.nodes = cluster.nodes;
        self.settings.log_cache.cluster.index = cluster.index;
        match now.is_empty() {
            true => tracing::info!("configuration read again, nothing to apply"),
            false => tracing::info!("configuration read again, applied: {}", now.join(", ")),
        }
        if !later.is_empty() {
            tracing::warn!("these changes need a restart: {}", later.join(", "));
        }
    }
}

fn applies(key: &str) -> bool {
    LIVE.iter().any(|live| {
        key.strip_prefix(live)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Paths of the values that differ.
fn changes(old: &Settings, new: &Settings) -> Vec<String> {
    let (old, new) = (leaves(old), leaves(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .cloned()
        .collect()
}

fn leaves(settings: &Settings) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(
        serde_json::to_value(settings).unwrap_or_default(),
        String::new(),
        &mut found,
    );
    found
}

fn collect(value: Value, path: String, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path.as_str() {
                    "" => name,
                    path => format!("{path}.{name}"),
                };
                collect(value, path, found);
            }
        }
        Value::Null => {}
        other => {
            found.insert(path, other);
        }
    }
}

#[cfg(test)]
mod tests;
