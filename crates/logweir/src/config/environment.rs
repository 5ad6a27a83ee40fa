//! Environment variables as settings: `LOGWEIR_ROUTER_QUEUE_BYTES` is the key
//! `router.queue.bytes`.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{
    keys::{Key, Keys, Kind, nearest},
    problem::{Origin, Problem},
};

/// Sections whose variables can be nothing but keys.
const SECTIONS: [&str; 6] = ["RUN", "AGENT", "ROUTER", "RLP", "GATEWAY", "AUTH"];

/// Variables of the verbs for people, which only look like keys.
const OF_THE_VERBS: [&str; 6] = [
    "LOGWEIR_CA",
    "LOGWEIR_CERT",
    "LOGWEIR_GRPC_ADDR",
    "LOGWEIR_INGRESS_ADDR",
    "LOGWEIR_KEY",
    "LOGWEIR_TOKEN",
];

/// Reads the variables that set keys. An empty one counts as unset, as with the
/// peers. Answers the values by key, or what is wrong with them.
pub(crate) fn read(
    keys: &Keys,
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Vec<Problem>> {
    let by_name: BTreeMap<String, &Key> =
        keys.keys.iter().map(|key| (key.variable(), key)).collect();
    let mut values = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, text) in variables {
        if !name.starts_with("LOGWEIR_") || text.is_empty() {
            continue;
        }
        match by_name.get(name) {
            Some(key) => match parse(&key.kind, text) {
                Ok(value) => {
                    values.insert(key.path.clone(), value);
                }
                Err(reason) => problems.push(Problem {
                    origin: Origin::Variable(name.clone()),
                    key: key.path.clone(),
                    reason,
                }),
            },
            None => problems.extend(unknown(name, &by_name)),
        }
    }
    match problems.is_empty() {
        true => Ok(values),
        false => Err(problems),
    }
}

/// A variable that names no key is wrong where it can mean nothing else.
fn unknown(name: &str, by_name: &BTreeMap<String, &Key>) -> Option<Problem> {
    if OF_THE_VERBS.contains(&name) {
        return None;
    }
    let rest = name.trim_start_matches("LOGWEIR_");
    let names = by_name
        .keys()
        .map(|name| name.trim_start_matches("LOGWEIR_"));
    let suggestion = nearest(rest, names);
    let in_section = SECTIONS.iter().any(|section| {
        rest.strip_prefix(section)
            .is_some_and(|key| key.starts_with('_'))
    });
    if !in_section && suggestion.is_none() {
        return None;
    }
    Some(Problem {
        origin: Origin::Variable(name.into()),
        key: String::new(),
        reason: match suggestion {
            Some(near) => format!("no key has this variable; did you mean LOGWEIR_{near}?"),
            None => "no key has this variable; docs/configuration.md lists them".into(),
        },
    })
}

fn parse(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Duration => Ok(Value::String(text.into())),
        Kind::Integer => text
            .trim()
            .replace('_', "")
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("`{text}` is no whole number")),
        Kind::Boolean => match text.trim() {
            "true" | "1" => Ok(Value::Boolean(true)),
            "false" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Kind::List => Ok(Value::Array(
            entries(text).map(|entry| entry.into()).collect(),
        )),
        Kind::Map => entries(text)
            .map(|entry| match entry.split_once(':') {
                Some((name, value)) => Ok((name.trim().into(), value.trim().into())),
                None => Err(format!(
                    "`{entry}` has no value; write NAME:VALUE,NAME:VALUE"
                )),
            })
            .collect::<Result<Table, _>>()
            .map(Value::Table),
        // A list of tables has no shorter form than TOML's own.
        Kind::Tables(_) => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or_else(|| {
                "write it as in the file: [{ name = \"ops\", … }, { … }], on one line".into()
            }),
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}
