//! Drains as people read them.

use std::time::Duration;

use chrono::{DateTime, Local};
use serde_json::Value;

/// Least spaces between two columns.
const GAP: usize = 2;

/// Every drain on a line.
pub(super) fn table(list: &Value) -> String {
    let head = ["ID", "SOURCE", "STATE", "WRITTEN", "QUEUED", "LOST", "URL"].map(String::from);
    let mut lines = vec![head];
    let drains = list["drains"].as_array().map(Vec::as_slice);
    lines.extend(drains.unwrap_or_default().iter().map(|drain| {
        [
            text(&drain["id"]),
            source(drain),
            text(&drain["state"]),
            text(&drain["written"]),
            text(&drain["queued"]),
            lost(drain).to_string(),
            text(&drain["url"]),
        ]
    }));
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count() + GAP);
        }
    }
    let mut out = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(widths) {
            row.push_str(&format!("{cell:<width$}"));
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// One drain, a fact on a line.
pub(super) fn one(drain: &Value) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| out.push_str(&format!("{name:<13}{value}\n"));
    line("id", text(&drain["id"]));
    line("source", source(drain));
    if let Some(name) = drain["hostname"].as_str().filter(|name| !name.is_empty()) {
        line("hostname", name.to_owned());
    }
    line("url", text(&drain["url"]));
    line("origin", text(&drain["origin"]));
    line("takes", text(&drain["takes"]));
    let state = text(&drain["state"]);
    line("state", format!("{state} since {}", time(&drain["since"])));
    let error = &drain["last_error"];
    if error.is_object() {
        let at = time(&error["at"]);
        line("last error", format!("{} at {at}", text(&error["message"])));
    }
    let connections = text(&drain["connections"]);
    match &drain["connected_since"] {
        Value::Null => line("connections", connections),
        at => line(
            "connections",
            format!("{connections}, the last since {}", time(at)),
        ),
    }
    let (written, messages) = (text(&drain["written"]), text(&drain["messages"]));
    let bytes = text(&drain["bytes"]);
    line(
        "delivered",
        format!("{written} envelopes, {messages} messages, {bytes} bytes"),
    );
    let (queued, waiting) = (text(&drain["queued"]), text(&drain["queued_bytes"]));
    let in_hand = text(&drain["in_hand"]);
    line(
        "waiting",
        format!("{queued} envelopes, {waiting} bytes, and {in_hand} being delivered"),
    );
    let spool = &drain["spool"];
    if spool.is_object() {
        let (waiting, dead) = (text(&spool["waiting"]), text(&spool["dead"]));
        let gone = text(&spool["lost"]);
        line(
            "spool",
            format!("{waiting} envelopes, {dead} refused and kept, {gone} gone for room"),
        );
    }
    let lag = drain["lag_seconds"].as_f64().unwrap_or_default();
    line("lag", format!("{lag:.1} s"));
    line(
        "left out",
        format!("{} by its filter", text(&drain["filtered"])),
    );
    line("altered", format!("{} fields", text(&drain["sanitised"])));
    let by_cause = drain["lost"].as_object().into_iter().flatten();
    let by_cause: Vec<_> = by_cause
        .map(|(cause, count)| format!("{count} {cause}"))
        .collect();
    line(
        "lost",
        match by_cause.is_empty() {
            true => "0".to_owned(),
            false => format!("{} ({})", lost(drain), by_cause.join(", ")),
        },
    );
    out
}

fn lost(drain: &Value) -> u64 {
    let counts = drain["lost"].as_object().into_iter().flatten();
    counts.filter_map(|(_, count)| count.as_u64()).sum()
}

/// A nozzle may take those of several.
fn source(drain: &Value) -> String {
    let several = drain["source_ids"].as_array().into_iter().flatten();
    let several: Vec<_> = several.filter_map(Value::as_str).collect();
    match drain["source_id"].as_str() {
        Some(source) => source.to_owned(),
        None if several.is_empty() => "(all)".to_owned(),
        None => several.join(","),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn time(seconds: &Value) -> String {
    let since = Duration::try_from_secs_f64(seconds.as_f64().unwrap_or_default());
    let seconds = i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or_default();
    let at = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let local = at.with_timezone(&Local);
    local.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_losses_added_up() {
        let list = json!({"drains": [
            {"id": "1f", "source_id": "app", "state": "failing", "written": 5, "queued": 12,
             "lost": {"queue_full": 2, "refused": 1}, "url": "syslog://h:1"},
            {"id": "2e", "source_id": null, "state": "idle", "written": 0, "queued": 0,
             "lost": {}, "url": "https://h/~1"},
            {"id": "nozzle-n", "source_id": null, "source_ids": ["a", "b"], "state": "idle",
             "written": 0, "queued": 0, "lost": {}, "url": "file:///n"},
        ]});
        assert_eq!(
            table(&list),
            "\
ID        SOURCE  STATE    WRITTEN  QUEUED  LOST  URL
1f        app     failing  5        12      3     syslog://h:1
2e        (all)   idle     0        0       0     https://h/~1
nozzle-n  a,b     idle     0        0       0     file:///n
"
        );
    }
}
