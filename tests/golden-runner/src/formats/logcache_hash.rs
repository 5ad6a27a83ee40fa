//! Which node of a log cache keeps a source.

use anyhow::Context;
use logweir_serve::log_cache::cluster::owner::{hash, owner};
use serde::Deserialize;

use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    source_id: String,
    xxhash64: String,
    nodes: Vec<u32>,
    owner: Vec<u32>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let expected = u64::from_str_radix(&case.xxhash64, 16).context("not a hash")?;
        let owners: Vec<u32> = case
            .nodes
            .iter()
            .map(|nodes| owner(&case.source_id, *nodes))
            .collect();
        let ours = (hash(&case.source_id), owners);
        Ok(Verdict::of(&ours, &(expected, case.owner)))
    })
}
