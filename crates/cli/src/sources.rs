//! `logweir sources`: of which sources a log cache remembers something.

use clap::Args;
use serde_json::Value;

use crate::{
    cache::LogCache,
    exit::{self, Failure},
    front::Where,
};

/// Arguments of `logweir sources`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir sources                             what is remembered of each source
  logweir sources --json | jq '.meta[\"my-app\"].count'
  logweir sources --url https://log-cache.sys.example --token \"$(cf oauth-token)\"

Count is how many envelopes are remembered, Expired how many went for lack of room or
for their age; Cache Duration is the time between the oldest and the newest.")]
pub struct SourcesArgs {
    /// Print the server's JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub place: Where,
}

/// Asks once, and prints a row for each source.
pub async fn run(args: SourcesArgs) -> Result<(), Failure> {
    let meta = LogCache::new(&args.place)?.get("meta").await?;
    let text = match args.json {
        true => format!("{meta}\n"),
        false => table(&meta)?,
    };
    exit::print(text.as_bytes())
}

/// Columns with two spaces between them, sorted by id.
fn table(meta: &Value) -> Result<String, Failure> {
    // Through the peers' auth proxy there is no `meta` where there is no source.
    let sources = match &meta["meta"] {
        Value::Object(sources) => sources.clone(),
        Value::Null => serde_json::Map::new(),
        _ => return Err(Failure::new("the server's answer is unreadable")),
    };
    let mut rows: Vec<[String; 4]> = sources
        .iter()
        .map(|(id, info)| {
            let number = |name: &str| number(info, name);
            let held = number("newest_timestamp").saturating_sub(number("oldest_timestamp"));
            [
                shown(id),
                number("count").to_string(),
                number("expired").to_string(),
                duration(held),
            ]
        })
        .collect();
    if rows.is_empty() {
        exit::say("nothing is remembered yet");
    }
    rows.sort();
    let head = ["Source ID", "Count", "Expired", "Cache Duration"].map(str::to_owned);
    rows.insert(0, head);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or(0) + 2);
    let mut text = String::new();
    for [id, count, expired, held] in &rows {
        let [a, b, c] = widths;
        text.push_str(&format!("{id:a$}{count:b$}{expired:c$}{held}\n"));
    }
    Ok(text)
}

/// A 64-bit number, which is text in JSON; under its snake-case name, or its camel-case
/// name as the peers' auth proxy writes it; 0 if it is left out.
fn number(info: &Value, name: &str) -> i64 {
    let camel = name.replace("_t", "T");
    let value = info.get(name).or_else(|| info.get(&camel));
    let text = value.and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Without what a terminal may obey.
fn shown(id: &str) -> String {
    id.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

/// At least a second, cut to seconds, in Go's notation: `13m30s`.
fn duration(nanos: i64) -> String {
    let seconds = (nanos / 1_000_000_000).max(1);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sources_are_a_table_whoever_answers() {
        let meta = json!({"meta": {
            "b\u{1b}": {"count": "1", "expired": "0", "oldest_timestamp": "5", "newest_timestamp": "5"},
            "app": {"count": "100", "expired": "7", "oldestTimestamp": "1000000000",
                "newestTimestamp": "811000000000"},
        }});
        let Ok(table) = table(&meta) else {
            panic!("unreadable")
        };
        assert_eq!(
            table,
            "Source ID  Count  Expired  Cache Duration\n\
             app        100    7        13m30s\n\
             b\u{fffd}         1      0        1s\n"
        );
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!(duration(59_999_999_999), "59s");
        assert_eq!(duration(3_600_000_000_000), "1h0m0s");
        assert_eq!(duration(-5), "1s");
    }
}
