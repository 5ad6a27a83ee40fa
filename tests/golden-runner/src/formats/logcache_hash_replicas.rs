//! Which nodes would keep a source with replicas. The first of them is its owner, which is all
//! that there is of it in the product, the original's as ours.

use logweir_serve::log_cache::cluster::owner::owner;
use serde::Deserialize;

use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    source_id: String,
    nodes: u32,
    lookup: Vec<u32>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        // What the original refuses has no owner to be compared with.
        let Some(first) = case.lookup.first() else {
            return Ok(Verdict::Same);
        };
        Ok(Verdict::of(&owner(&case.source_id, case.nodes), first))
    })
}
