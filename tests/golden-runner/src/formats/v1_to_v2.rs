//! V1 envelopes as V2.

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use logweir_proto::edit::to_deprecated;
use logweir_proto::{v1, v2};
use logweir_wire::convert::v1_to_v2;
use prost::Message as _;
use serde::Deserialize;

use crate::bytes_field::{HexBytes, envelope};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    v1: HexBytes,
    use_preferred_tags: bool,
    v2: Option<HexBytes>,
    error: Option<String>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let ours = ours(&case.v1.0, case.use_preferred_tags)?;
        let recorded = case.v2.as_ref().map(HexBytes::envelope).transpose()?;
        if case.error.as_deref() != Some("marshal") {
            return Ok(Verdict::of(&ours, &recorded));
        }
        // The original built an envelope that it could not encode.
        let mended = mended(crate::v1::envelope(&case.v1.0)?).encode_to_vec();
        let promised = self::ours(&mended, case.use_preferred_tags)?;
        Ok(match Verdict::of(&ours, &promised) {
            Verdict::Same if ours.is_some() => Verdict::Excused(vec![Rule::InvalidUtf8Replaced]),
            verdict => verdict,
        })
    })
}

/// Our V2 form; none if the bytes are no V1 envelope. We know preferred tags only, and
/// the other form is made where a reader asks for it.
fn ours(payload: &[u8], use_preferred_tags: bool) -> Result<Option<v2::Envelope>> {
    let mut out = BytesMut::new();
    if v1_to_v2(payload, &mut out).is_err() {
        return Ok(None);
    }
    if !use_preferred_tags {
        let mut deprecated = BytesMut::new();
        to_deprecated(&out, &mut deprecated);
        out = deprecated;
    }
    envelope(&out).map(Some)
}

/// The strings of the cases, mended before the conversion.
pub(super) fn mended(mut envelope: v1::Envelope) -> v1::Envelope {
    fn mend(text: &mut Option<Bytes>) {
        if let Some(text) = text {
            *text = String::from_utf8_lossy(text).into_owned().into();
        }
    }
    mend(&mut envelope.origin);
    if let Some(log) = &mut envelope.log_message {
        mend(&mut log.source_type);
    }
    if let Some(metric) = &mut envelope.value_metric {
        mend(&mut metric.name);
    }
    envelope
        .tags
        .iter_mut()
        .for_each(|tag| mend(&mut tag.value));
    envelope
}
