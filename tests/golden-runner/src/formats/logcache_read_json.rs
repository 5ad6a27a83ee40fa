//! What a log cache answers over HTTP to reads of what it was sent.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::bytes_field::HexBytes;
use crate::cache_door::{Answer, ask, open};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    max_per_source: u64,
    envelopes: Vec<HexBytes>,
    queries: Vec<Query>,
}

#[derive(Deserialize)]
struct Query {
    path: String,
    status: u16,
    content_type: String,
    body: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    let runtime = || Runtime::new().context("start a runtime");
    each_with(lines, runtime, |runtime, case: Case| {
        runtime.block_on(judge_one(case))
    })
}

async fn judge_one(case: Case) -> Result<Verdict> {
    let front = open(
        case.max_per_source,
        case.envelopes.iter().map(|envelope| &envelope.0),
    )?;
    let mut rules = BTreeSet::new();
    for query in case.queries {
        let path = query.path;
        let mut got = ask(&front, &path).await?;
        if path == "/api/v1/info" {
            got.2 = as_recorded(&got.2)?;
        }
        let body = String::from_utf8_lossy(&query.body.0).into_owned();
        let recorded = (query.status, query.content_type, body);
        let blamed = rightly_blamed(&recorded);
        let ordered = in_order_of_time(&recorded, path.contains("descending=true"));
        if got == recorded {
            continue;
        } else if got == blamed {
            rules.insert(Rule::ClientFaultIs400);
        } else if Some(&got) == ordered.as_ref() {
            rules.insert(Rule::TimeOrders);
        } else if let Verdict::Differs(how) = Verdict::of(&got, &recorded) {
            return Ok(Verdict::Differs(format!("{path}: {how}")));
        }
    }
    Ok(match rules.is_empty() {
        true => Verdict::Same,
        false => Verdict::Excused(rules.into_iter().collect()),
    })
}

/// The recorded envelopes sorted by their timestamps; those of one timestamp stay as
/// they are.
fn in_order_of_time(recorded: &Answer, descending: bool) -> Option<Answer> {
    let (status, kind, body) = recorded;
    let mut body: serde_json::Value = serde_json::from_str(body).ok()?;
    let batch = body.pointer_mut("/envelopes/batch")?.as_array_mut()?;
    batch.sort_by_key(|envelope| {
        let timestamp = envelope["timestamp"].as_str().unwrap_or_default();
        let timestamp: i64 = timestamp.parse().unwrap_or(0);
        if descending { -timestamp } else { timestamp }
    });
    Some((*status, kind.clone(), format!("{body}\n")))
}

/// The recorded answer, unless it blames the server for a wrong question.
fn rightly_blamed(recorded: &Answer) -> Answer {
    let (status, kind, body) = recorded;
    let blamed = ["limit (", "StartTime (", "name filter must"]
        .iter()
        .any(|words| body.starts_with(&format!("{{\"code\":2,\"message\":\"{words}")));
    match *status == 500 && blamed {
        true => (
            400,
            kind.clone(),
            body.replacen("\"code\":2", "\"code\":3", 1),
        ),
        false => recorded.clone(),
    }
}

/// The page that names a version, with the version and uptime of the recording.
fn as_recorded(info: &str) -> Result<String> {
    let page: serde_json::Value = serde_json::from_str(info)?;
    let text = |name: &str| page[name].as_str().map(str::to_owned).context("no text");
    let (version, uptime) = (text("version")?, text("vm_uptime")?);
    uptime.parse::<u64>().context("an uptime")?;
    let info = info.replacen(&version, "1.2.3", 1);
    Ok(info.replacen(&format!("\"{uptime}\""), "\"789\"", 1))
}
