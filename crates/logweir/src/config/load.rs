//! From a file and the environment to [`Settings`].

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

use super::{
    environment,
    keys::{Keys, Kind, nearest},
    problem::{ConfigError, Origin, Problem},
    settings::Settings,
};

/// Read when no file is named and it exists in the working directory.
pub(crate) const DEFAULT_FILE: &str = "logweir.toml";

/// What settings are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file and its text, if there is one.
    pub(crate) file: Option<(PathBuf, String)>,
    /// The process's environment.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Sources {
    /// Reads `file`, or the default one if it is there.
    pub(crate) fn gather(file: Option<&Path>) -> Result<Self, ConfigError> {
        let variables = variables();
        let path = match file {
            Some(path) => path.to_path_buf(),
            None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
            None => {
                return Ok(Self {
                    file: None,
                    variables,
                });
            }
        };
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self {
                file: Some((path, text)),
                variables,
            }),
            Err(error) => Err(ConfigError(vec![Problem {
                origin: Origin::File(path, None),
                key: String::new(),
                reason: format!("the file cannot be read: {error}"),
            }])),
        }
    }
}

/// The process's environment; a variable that is not UTF-8 can be none of ours.
pub(crate) fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Settings and where each key that somebody set came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The values.
    pub(crate) settings: Settings,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where `key`, or the nearest table around it, was set.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        origin_of(&self.origins, key)
    }
}

/// Parses and merges: the environment wins over the file, the file over the defaults.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let keys = Keys::of_settings();
    // A section that sets one key keeps the role's own defaults for the others.
    let mut table = Table::try_from(Settings::default()).unwrap_or_default();
    let mut origins = BTreeMap::new();
    if let Some((path, text)) = &sources.file {
        overlay(&mut table, read_file(path, text, &keys, &mut origins)?);
    }
    let values = environment::read(&keys, &sources.variables).map_err(ConfigError)?;
    for (path, value) in values {
        origins.insert(path.clone(), Origin::Variable(super::keys::variable(&path)));
        insert(&mut table, &path, value);
    }
    let settings = serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        ConfigError(vec![Problem {
            origin: origin_of(&origins, &key),
            reason: error.into_inner().message().into(),
            key,
        }])
    })?;
    Ok(Loaded { settings, origins })
}

fn read_file(
    path: &Path,
    text: &str,
    keys: &Keys,
    origins: &mut BTreeMap<String, Origin>,
) -> Result<Table, ConfigError> {
    let wrong = |error: toml::de::Error| {
        ConfigError(vec![Problem {
            origin: Origin::File(path.into(), error.span().map(|span| line(text, &span))),
            key: String::new(),
            reason: error.message().into(),
        }])
    };
    let spanned = toml::de::DeTable::parse(text).map_err(wrong)?;
    let mut places = BTreeMap::new();
    note_places(spanned.get_ref(), "", text, &mut places);
    for (key, line) in &places {
        origins.insert(key.clone(), Origin::File(path.into(), Some(*line)));
    }
    let table = Table::deserialize(toml::de::Deserializer::from(spanned)).map_err(wrong)?;
    let mut unknown = Vec::new();
    find_unknown(&table, "", keys, &mut unknown);
    if unknown.is_empty() {
        return Ok(table);
    }
    // In the order in which a reader of the file meets them.
    unknown.sort_by_key(|(key, _)| places.get(key).copied());
    Err(ConfigError(
        unknown
            .into_iter()
            .map(|(key, reason)| Problem {
                origin: origin_of(origins, &key),
                key,
                reason,
            })
            .collect(),
    ))
}

/// The line of every key, by path.
fn note_places(
    table: &toml::de::DeTable<'_>,
    path: &str,
    text: &str,
    places: &mut BTreeMap<String, usize>,
) {
    for (name, value) in table {
        let path = join(path, name.get_ref());
        places.insert(path.clone(), line(text, &name.span()));
        if let Some(inner) = value.get_ref().as_table() {
            note_places(inner, &path, text, places);
        }
    }
}

fn line(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    before.matches('\n').count() + 1
}

fn find_unknown(table: &Table, path: &str, keys: &Keys, unknown: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let path = join(path, name);
        if let Some(key) = keys.get(&path) {
            if let (Kind::Tables(inner), Value::Array(items)) = (&key.kind, value) {
                for (index, item) in items.iter().enumerate() {
                    let Some(item) = item.as_table() else {
                        continue;
                    };
                    let mut below = Vec::new();
                    find_unknown(item, "", inner, &mut below);
                    let below = below.into_iter();
                    unknown.extend(
                        below.map(|(name, reason)| (format!("{path}[{index}].{name}"), reason)),
                    );
                }
            }
            continue;
        }
        match value.as_table().filter(|_| keys.tables.contains_key(&path)) {
            Some(inner) => find_unknown(inner, &path, keys, unknown),
            // A table's key with a plain value is known; its type is serde's to judge.
            None if keys.tables.contains_key(&path) => {}
            None => {
                let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
                let reason = suggest(name, children(keys, parent));
                unknown.push((path, reason));
            }
        }
    }
}

/// Names directly below the table `parent`.
fn children<'a>(keys: &'a Keys, parent: &str) -> impl Iterator<Item = &'a str> {
    let prefix = match parent {
        "" => String::new(),
        _ => format!("{parent}."),
    };
    let paths = keys.keys.iter().map(|key| key.path.as_str());
    paths
        .chain(keys.tables.keys().map(String::as_str))
        .filter_map(move |path| path.strip_prefix(&prefix))
        .filter(|rest| !rest.contains('.'))
}

fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, names) {
        Some(near) => format!("unknown key; did you mean `{near}`?"),
        None => "unknown key; docs/configuration.md lists them".into(),
    }
}

fn origin_of(origins: &BTreeMap<String, Origin>, key: &str) -> Origin {
    let mut path = key;
    loop {
        if let Some(origin) = origins.get(path) {
            return origin.clone();
        }
        match path.rfind(['.', '[']) {
            Some(end) => path = &path[..end],
            None => return Origin::Default,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.into(),
        _ => format!("{path}.{name}"),
    }
}

fn overlay(table: &mut Table, over: Table) {
    for (name, value) in over {
        match (table.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => overlay(inner, over),
            (_, value) => {
                table.insert(name, value);
            }
        }
    }
}

fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.into(), value);
        }
        Some((head, rest)) => {
            let inner = table
                .entry(head)
                .or_insert_with(|| Value::Table(Table::new()));
            // A plain value where a table belongs is reported when it is read.
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
