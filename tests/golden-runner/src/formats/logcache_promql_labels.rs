//! What names of metrics and tags become in PromQL.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use logweir_cache::promql::envelopes::metric_name;
use logweir_proto::v2::{Counter, Envelope, envelope::Message};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cache_door::{ask, open};
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    #[serde(rename = "in")]
    given: String,
    out: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    let runtime = || Runtime::new().context("start a runtime");
    each_with(lines, runtime, |runtime, case: Case| {
        match case.kind.as_str() {
            "metric" => {
                let ours = Some(metric_name(&case.given).into_owned());
                Ok(Verdict::of(&ours, &case.out))
            }
            "tag" => runtime.block_on(tag(&case)),
            other => bail!("an unknown kind of case, {other:?}"),
        }
    })
}

async fn tag(case: &Case) -> Result<Verdict> {
    let number = case.name.strip_prefix("tag-").context("not a tag")?;
    let source_id = format!("s{number}");
    let envelope = Envelope {
        timestamp: 1_500_000_000_000_000_000,
        source_id: source_id.clone(),
        instance_id: "0".to_owned(),
        tags: BTreeMap::from([(case.given.clone(), "value".to_owned())]),
        message: Some(Message::Counter(Counter {
            name: "metric".to_owned(),
            delta: 0,
            total: 1,
        })),
        ..Envelope::default()
    };
    let envelope = Bytes::from(envelope.encode_to_vec());
    let front = open(0, [&envelope])?;
    let query = format!("metric%7Bsource_id%3D%22{source_id}%22%7D&time=1500000001");
    let (status, _, body) = ask(&front, &format!("/api/v1/query?query={query}")).await?;
    let body: Value = serde_json::from_str(&body).context("not JSON")?;
    let metric = body["data"]["result"][0]["metric"].clone();
    let labels: BTreeMap<String, String> =
        serde_json::from_value(metric).with_context(|| format!("no series: {status} {body}"))?;
    let own = labels.iter().find(|(_, value)| *value == "value");
    let out = own.map(|(name, _)| name.clone());
    let recorded = (case.labels.clone(), case.out.clone());
    Ok(Verdict::of(&(labels, out), &recorded))
}
