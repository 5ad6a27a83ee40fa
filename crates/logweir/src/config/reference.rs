//! `docs/configuration.md`, made from the settings' own doc comments.

use serde_json::Value;

use super::keys::{Key, Keys, Kind};

const HEAD: &str = "\
# Configuration

This page is generated from the settings' doc comments: `cargo xtask codegen`.

A process reads `logweir.toml` in its working directory, or the file that `--config` \
names. Every key is an environment variable too; the environment wins over the file, \
and a flag wins over both. An empty variable counts as unset. Unknown keys, and unknown \
variables that look like a key's, are errors. `logweir config check` tests a \
configuration and `logweir config show` prints what is in force, without secrets. \
A configuration that is refused exits 78 and says why in one line, before any port is \
bound.

Durations are written `250ms`, `15s`, `14m`, `1h30m`. In a variable, a list is \
`one,two`, a map is `name:value,name:value`, and a list of tables is TOML on one line. \
Addresses are `IP:PORT`; port 0 takes a free one.

The file is read again on SIGHUP and when it changes. `log_level`, `agent.tags`, \
`auth.tokens`, `drains` and `nozzles` apply at once; other changes are reported as needing a restart. A file \
that is refused is reported, and what is in force stays.
";

/// The whole page.
pub(crate) fn page() -> String {
    let keys = Keys::of_settings();
    let mut page = String::from(HEAD);
    for table in tables(&keys) {
        heading(&mut page, table, &keys);
        for key in keys.keys.iter().filter(|key| table_of(&key.path) == table) {
            row(&mut page, key);
            if let Kind::Tables(inner) = &key.kind {
                for below in &inner.keys {
                    let mut below = below.clone();
                    below.path = format!("{}[].{}", key.path, below.path);
                    row(&mut page, &below);
                }
            }
        }
    }
    page
}

/// Every table once, each before the tables in it.
fn tables(keys: &Keys) -> Vec<&str> {
    let mut found = Vec::new();
    for key in &keys.keys {
        let table = table_of(&key.path);
        let ends = table.match_indices('.').map(|(end, _)| end);
        for table in ends.chain([table.len()]).map(|end| &table[..end]) {
            if !found.contains(&table) {
                found.push(table);
            }
        }
    }
    found
}

fn table_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(table, _)| table)
}

fn heading(page: &mut String, table: &str, keys: &Keys) {
    let depth = "#".repeat(2 + table.matches('.').count());
    match table {
        "" => page.push_str("\n## The process\n"),
        _ => page.push_str(&format!("\n{depth} `[{table}]`\n")),
    }
    if let Some(text) = keys.tables.get(table).filter(|text| !text.is_empty()) {
        page.push_str(&format!("\n{}\n", escape(text)));
    }
    page.push_str("\n| key | variable | type | default | |\n|---|---|---|---|---|\n");
}

fn row(page: &mut String, key: &Key) {
    let variable = match key.path.contains("[]") {
        true => String::new(),
        false => format!("`{}`", key.variable()),
    };
    let default = match &key.default {
        None => String::new(),
        Some(value) => match shown(value) {
            text if text.is_empty() => "empty".into(),
            text => format!("`{text}`"),
        },
    };
    let kind = match &key.kind {
        Kind::Text => "text",
        Kind::Duration => "duration",
        Kind::Integer => "integer",
        Kind::Boolean => "true or false",
        Kind::List => "list",
        Kind::Map => "map",
        Kind::Tables(_) => "list of tables",
    };
    let secret = if key.secret {
        " Secret: never shown."
    } else {
        ""
    };
    page.push_str(&format!(
        "| `{}` | {variable} | {kind} | {default} | {}{secret} |\n",
        key.path,
        escape(&key.description)
    ));
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(items) if items.is_empty() => String::new(),
        other => other.to_string(),
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_names_key_variable_default_and_text() {
        let page = super::page();
        assert!(page.contains(
            "| `router.queue.bytes` | `LOGWEIR_ROUTER_QUEUE_BYTES` | integer | `16777216` | \
             Most bytes of envelopes that wait for one subscriber. |"
        ));
        assert!(page.contains("\n### `[auth.uaa]`\n"));
        assert!(page.contains("| `auth.tokens[].sha256` |  | text |"));
    }
}
