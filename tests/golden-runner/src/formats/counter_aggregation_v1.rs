//! Totals that an agent makes of the deltas of V1 counters.

use anyhow::{Result, anyhow};
use bytes::{Bytes, BytesMut};
use logweir_proto::v1;
use logweir_serve::dropsonde::{DropsondeConfig, Rules};
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::v1::envelope;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    r#in: HexBytes,
    out: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut rules = Rules::dropsonde(&DropsondeConfig::default(), true);
        let ours = case.steps.iter().map(|step| {
            let mut out = BytesMut::new();
            let taken = rules.apply(&step.r#in.0, &mut out);
            taken.map_err(|reason| anyhow!("refused: {reason:?}"))?;
            envelope(&out)
        });
        let ours = ours.collect::<Result<Vec<_>>>()?;
        let recorded = case.steps.iter().map(|step| tagged(&step.out.0));
        let recorded = recorded.collect::<Result<Vec<_>>>()?;
        Ok(Verdict::of(&ours, &recorded))
    })
}

/// The original was recorded between two places that ours has in one: where the tag
/// `source_id` is set, and where absent fields are.
fn tagged(recorded: &[u8]) -> Result<v1::Envelope> {
    let mut envelope = envelope(recorded)?;
    let own = b"source_id";
    let empty = |tag: &v1::Tag| tag.key() == own && tag.value().is_empty();
    envelope.tags.retain(|tag| !empty(tag));
    if envelope.tags.iter().all(|tag| tag.key() != own) {
        envelope.tags.push(v1::Tag {
            key: Some(Bytes::from_static(own)),
            value: envelope.origin.clone(),
        });
        envelope.tags.sort_by(|a, b| a.key().cmp(b.key()));
    }
    for field in [
        &mut envelope.deployment,
        &mut envelope.job,
        &mut envelope.index,
        &mut envelope.ip,
    ] {
        field.get_or_insert_default();
    }
    Ok(envelope)
}
