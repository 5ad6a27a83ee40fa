//! Totals that an agent makes of counters' deltas.
//!
//! The model here works out what the original answers, and what it would answer
//! with some of its bugs mended. It judges our code only where that differs.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use bytes::BytesMut;
use logweir_proto::edit::{DefaultTags, default_source_id};
use logweir_proto::peek::peek;
use logweir_proto::v2::{self, envelope::Message};
use logweir_serve::agent::Rules;
use serde::Deserialize;

use crate::bytes_field::{HexBytes, envelope};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

/// Counters that our table may hold: more than any case has.
const TABLE: usize = 10_000;

#[derive(Deserialize)]
struct Case {
    default_tags: BTreeMap<String, String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    r#in: HexBytes,
    out: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let ours = ours(&case)?;
        let recorded = recorded(&case)?;
        let verdict = Verdict::of(&ours, &recorded);
        if verdict == Verdict::Same {
            return Ok(verdict);
        }
        // The fewest rules that explain every total; all else must be as recorded.
        let rules = [Rule::IdleCounterKeepsItsTotal, Rule::InstancesCountApart];
        for excuse in [&rules[..1], &rules[1..], &rules[..]] {
            let promised = modelled(&case, &recorded, excuse)?;
            if Verdict::of(&ours, &promised) == Verdict::Same {
                return Ok(Verdict::Excused(excuse.to_vec()));
            }
        }
        Ok(verdict)
    })
}

/// The envelopes as our agent sends them on.
fn ours(case: &Case) -> Result<Vec<v2::Envelope>> {
    let tags = DefaultTags::new(&case.default_tags);
    let rules = Rules::new(DefaultTags::default(), TABLE, false);
    let applied = case.steps.iter().map(|step| {
        let mut out = BytesMut::new();
        let came = &step.r#in.0;
        rules.apply(
            came,
            &peek(came).context("peek refuses it")?,
            &tags,
            &mut out,
        );
        envelope(&out)
    });
    applied.collect()
}

/// The recorded envelopes. The original was recorded behind the place where an
/// agent fills in a missing source id, ours in front of it.
fn recorded(case: &Case) -> Result<Vec<v2::Envelope>> {
    let sent = case.steps.iter().map(|step| {
        let mut sent = step.out.envelope()?;
        if let Some(source_id) = default_source_id(&step.r#in.0) {
            sent.source_id = source_id;
        }
        Ok(sent)
    });
    sent.collect()
}

/// The recorded envelopes with the totals that the original would give them if the
/// rules held there.
fn modelled(case: &Case, recorded: &[v2::Envelope], rules: &[Rule]) -> Result<Vec<v2::Envelope>> {
    let mut sums: HashMap<_, Sum> = HashMap::new();
    let mut modelled = recorded.to_vec();
    for (step, out) in case.steps.iter().zip(&mut modelled) {
        // Delta and total as they came in; the identity as it was sent on.
        let Some(Message::Counter(came)) = step.r#in.envelope()?.message else {
            continue;
        };
        let instance = if rules.contains(&Rule::InstancesCountApart) {
            &*out.instance_id
        } else {
            ""
        };
        let tags = format!("{:?}", out.tags);
        let id = (came.name, out.source_id.clone(), instance.to_owned(), tags);
        let sum = sums.entry(id).or_default();
        match (came.delta, came.total) {
            (0, 0) if sum.by_delta && rules.contains(&Rule::IdleCounterKeepsItsTotal) => {}
            (0, 0) => sum.total = 0,
            (delta, 0) => {
                *sum = Sum {
                    total: sum.total.wrapping_add(delta),
                    by_delta: true,
                }
            }
            (_, total) => {
                *sum = Sum {
                    total,
                    by_delta: false,
                }
            }
        }
        if let Some(Message::Counter(counter)) = &mut out.message {
            counter.total = sum.total;
        }
    }
    Ok(modelled)
}

#[derive(Default)]
struct Sum {
    total: u64,
    /// A delta was the last to change it.
    by_delta: bool,
}
