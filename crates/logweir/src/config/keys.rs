//! Every key of the settings, read from their schema: the environment variables, the
//! check for unknown keys, redaction and the reference all start from this list.

use std::collections::BTreeMap;

use serde_json::Value;

use super::settings::Settings;

/// What a key's value looks like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Text, also paths and addresses.
    Text,
    /// A length of time, `1h30m`.
    Duration,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of texts.
    List,
    /// Texts by name.
    Map,
    /// A list of tables, each with these keys.
    Tables(Keys),
}

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    /// Where it is: `router.queue.bytes`.
    pub(crate) path: String,
    /// What its value looks like.
    pub(crate) kind: Kind,
    /// Its value when nobody sets it; none for a key of a table that is absent.
    pub(crate) default: Option<Value>,
    /// From the doc comment of its field, one line.
    pub(crate) description: String,
    /// Never shown.
    pub(crate) secret: bool,
}

impl Key {
    /// The environment variable that sets the key.
    pub(crate) fn variable(&self) -> String {
        variable(&self.path)
    }
}

/// The environment variable of a path.
pub(crate) fn variable(path: &str) -> String {
    format!("LOGWEIR_{}", path.replace('.', "_").to_uppercase())
}

/// All keys and, by path, the descriptions of the tables that hold them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keys {
    /// In the order of the settings.
    pub(crate) keys: Vec<Key>,
    /// Descriptions of tables by path (`router`, `router.queue`).
    pub(crate) tables: BTreeMap<String, String>,
}

impl Keys {
    /// Reads the schema of [`Settings`].
    pub(crate) fn of_settings() -> Self {
        let schema = schemars::schema_for!(Settings).to_value();
        let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
        let mut found = Self {
            keys: Vec::new(),
            tables: BTreeMap::new(),
        };
        let walk = Walk {
            definitions: schema.get("$defs").cloned().unwrap_or_default(),
        };
        walk.table(&schema, "", Some(&defaults), &mut found);
        found
    }

    /// The key at `path`.
    pub(crate) fn get(&self, path: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.path == path)
    }
}

struct Walk {
    definitions: Value,
}

impl Walk {
    fn table(&self, schema: &Value, path: &str, defaults: Option<&Value>, found: &mut Keys) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, property) in properties {
            let path = match path {
                "" => name.clone(),
                _ => format!("{path}.{name}"),
            };
            let default = defaults.and_then(|all| all.get(name));
            let target = self.resolve(property);
            let description = description(property).or_else(|| description(target));
            let description = description.unwrap_or_default();
            if target.get("properties").is_some() {
                found.tables.insert(path.clone(), description);
                let default = default.filter(|value| value.is_object());
                self.table(target, &path, default, found);
                continue;
            }
            found.keys.push(Key {
                kind: self.kind(target),
                default: default
                    .or_else(|| property.get("default"))
                    .filter(|value| !value.is_null())
                    .cloned(),
                description,
                secret: property.get("x-secret") == Some(&Value::Bool(true)),
                path,
            });
        }
    }

    /// Follows `$ref` and the wrapping that an optional table gets.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.definitions.get(name).unwrap_or(schema);
        }
        let choices = schema.get("anyOf").and_then(Value::as_array);
        match choices.and_then(|all| all.iter().find(|one| one.get("$ref").is_some())) {
            Some(one) => self.resolve(one),
            None => schema,
        }
    }

    fn kind(&self, schema: &Value) -> Kind {
        match type_of(schema) {
            "integer" => Kind::Integer,
            "boolean" => Kind::Boolean,
            "object" => Kind::Map,
            "array" => {
                let item = schema.get("items").map(|items| self.resolve(items));
                match item.filter(|item| item.get("properties").is_some()) {
                    None => Kind::List,
                    Some(item) => {
                        let mut inner = Keys {
                            keys: Vec::new(),
                            tables: BTreeMap::new(),
                        };
                        self.table(item, "", None, &mut inner);
                        Kind::Tables(inner)
                    }
                }
            }
            _ if schema.get("format") == Some(&Value::from("duration")) => Kind::Duration,
            _ => Kind::Text,
        }
    }
}

/// The type of a property; of an optional one the type that is not null.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::Array(types)) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("string"),
        Some(Value::String(name)) => name,
        _ => "string",
    }
}

fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The nearest of `names` to `wrong`, if it is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(steps, _)| *steps <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions and replacements between two words.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests;
