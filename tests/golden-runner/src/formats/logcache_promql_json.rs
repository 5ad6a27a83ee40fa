//! What a log cache answers to queries in PromQL over what it was sent.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::bytes_field::HexBytes;
use crate::cache_door::{Answer, ask, open};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
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
    let front = open(0, case.envelopes.iter().map(|envelope| &envelope.0))?;
    let mut rules = BTreeSet::new();
    for query in case.queries {
        let path = query.path;
        let (status, kind, body) = ask(&front, &path).await?;
        let got = (status, kind, in_order(&body)?);
        let body = String::from_utf8_lossy(&query.body.0).into_owned();
        let recorded = (query.status, query.content_type, body);
        if got == recorded {
            continue;
        } else if got == rightly_blamed(&recorded) {
            rules.insert(Rule::ClientFaultIs400);
        } else if forward(&path, &recorded).as_ref() == Some(&got) {
            rules.insert(Rule::RangesGoForward);
        } else if path.contains("avg_over_time") && differ_in_the_last_digit(&got, &recorded) {
            rules.insert(Rule::MeansKeepTheirDigits);
        } else if let Verdict::Differs(how) = Verdict::of(&got, &recorded) {
            return Ok(Verdict::Differs(format!("{path}: {how}")));
        }
    }
    Ok(match rules.is_empty() {
        true => Verdict::Same,
        false => Verdict::Excused(rules.into_iter().collect()),
    })
}

/// The body with the entries of its result sorted by their text, as in the recording.
fn in_order(body: &str) -> Result<String> {
    let start = "\"result\":[";
    let page: Value = serde_json::from_str(body).context("not JSON")?;
    let kind = page["data"]["resultType"].as_str().unwrap_or_default();
    let (Some(at), true) = (body.find(start), matches!(kind, "vector" | "matrix")) else {
        return Ok(body.to_owned());
    };
    let (head, rest) = body.split_at(at + start.len());
    let list = rest.strip_suffix("]}}\n").context("more than a result")?;
    let mut entries: Vec<String> = list
        .split("},{\"metric\"")
        .map(|entry| {
            let entry = entry.strip_prefix("{\"metric\"").unwrap_or(entry);
            let entry = entry.strip_suffix('}').unwrap_or(entry);
            format!("{{\"metric\"{entry}}}")
        })
        .filter(|_| !list.is_empty())
        .collect();
    entries.sort();
    Ok(format!("{head}{}]}}}}\n", entries.join(",")))
}

/// The recorded answer, but the fault is that of the question.
fn rightly_blamed((status, kind, body): &Answer) -> Answer {
    let blamed = body.replacen("\"internal\"", "\"bad_data\"", 1);
    let status = if *status == 500 { 400 } else { *status };
    (status, kind.clone(), blamed)
}

/// The answer to a range that goes nowhere.
fn forward(path: &str, (_, kind, body): &Answer) -> Option<Answer> {
    let why = if body.contains("integer divide by zero") && path.contains("step=0") {
        "zero or negative query resolution step widths are not accepted. Try a positive integer"
    } else if body.contains("\"result\":[]") && path.contains("start=1500000150&end=1500000000") {
        "end timestamp must not be before start time"
    } else {
        return None;
    };
    let body = format!("{{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"{why}\"}}\n");
    Some((400, kind.clone(), body))
}

/// Whether two answers are the same but for what rounding does to the last digit of values.
fn differ_in_the_last_digit(got: &Answer, recorded: &Answer) -> bool {
    let parse = |body: &str| serde_json::from_str::<Value>(body).ok();
    let bodies = parse(&got.2).zip(parse(&recorded.2));
    (got.0, &got.1) == (recorded.0, &recorded.1)
        && bodies.is_some_and(|(one, other)| nearly_same(&one, &other))
}

fn nearly_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| nearly_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let mut pairs = one.iter().zip(other);
            let same = |((a, one), (b, other)): ((&String, &Value), (&String, &Value))| {
                a == b && nearly_same(one, other)
            };
            one.len() == other.len() && pairs.all(same)
        }
        (Value::String(one), Value::String(other)) if one != other => {
            let numbers = one.parse::<f64>().ok().zip(other.parse::<f64>().ok());
            numbers.is_some_and(|(one, other)| (one - other).abs() <= one.abs() * 4e-16)
        }
        _ => one == other,
    }
}
