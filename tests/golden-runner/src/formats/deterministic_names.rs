//! Which member of a shard group gets which envelope.

use anyhow::{Context, Result, ensure};
use logweir_proto::v2::{EgressBatchRequest, Selector};
use prost::Message as _;
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exchange;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    shard_id: String,
    members: Vec<String>,
    selector: HexBytes,
    envelopes: Vec<HexBytes>,
    owner: Vec<i64>,
    random: Vec<bool>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let selector = Selector::decode(case.selector.0.clone()).context("not a selector")?;
        let requests: Vec<_> = case
            .members
            .iter()
            .map(|name| EgressBatchRequest {
                shard_id: case.shard_id.clone(),
                deterministic_name: name.clone(),
                selectors: vec![selector.clone()],
                ..Default::default()
            })
            .collect();
        let envelopes: Vec<_> = case
            .envelopes
            .iter()
            .map(|envelope| envelope.0.clone())
            .collect();
        let copies = exchange::copies(&requests, &envelopes)?;
        let owners: Vec<i64> = copies
            .iter()
            .map(|copies| owner(copies))
            .collect::<Result<_>>()?;
        ensure!(
            case.random.len() == owners.len(),
            "as many marks as envelopes"
        );
        // A random owner may be anybody, but somebody.
        let comparable = |owners: &[i64]| -> Vec<i64> {
            let marked = owners.iter().zip(&case.random);
            marked
                .map(|(owner, random)| if *random && *owner >= 0 { -2 } else { *owner })
                .collect()
        };
        Ok(Verdict::of(&comparable(&owners), &case.owner))
    })
}

/// The only member that got a copy; -1 if none did.
fn owner(copies: &[usize]) -> Result<i64> {
    let mut owners = (0..).zip(copies).filter(|(_, copies)| **copies > 0);
    let first = owners.next();
    ensure!(
        first.is_none_or(|(_, copies)| *copies == 1),
        "several copies for one member"
    );
    ensure!(owners.next().is_none(), "copies for several members");
    Ok(first.map_or(-1, |(owner, _)| owner))
}
