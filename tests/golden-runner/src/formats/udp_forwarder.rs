//! Datagrams as a UDP forwarder hands them to the agent.

use anyhow::Result;
use bytes::BytesMut;
use logweir_proto::v2;
use logweir_serve::dropsonde::{DropsondeConfig, Rules};
use prost::Message as _;
use serde::Deserialize;

use super::udp_agent_v1::{Tags, told};
use super::v1_to_v2::mended;
use crate::bytes_field::{HexBytes, envelope};
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    datagram: HexBytes,
    tags: Tags,
    v2: Option<HexBytes>,
    error: Option<String>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let config = case.tags.config();
        let ours = ours(&config, &case.datagram.0)?;
        let error = case.error.as_deref().unwrap_or_default();
        if error == "v2-marshal" {
            // The original built an envelope that it could not encode.
            let mended = mended(crate::v1::envelope(&case.datagram.0)?).encode_to_vec();
            let promised = self::ours(&config, &mended)?;
            return Ok(match Verdict::of(&ours, &promised) {
                Verdict::Same if ours.is_ok() => Verdict::Excused(vec![Rule::InvalidUtf8Replaced]),
                verdict => verdict,
            });
        }
        let recorded = match &case.v2 {
            Some(v2) => Ok(v2.envelope()?),
            None => Err(error),
        };
        Ok(Verdict::of(&ours, &recorded))
    })
}

/// What our forwarder makes of a datagram, or what the original says of one that is not
/// taken.
fn ours(config: &DropsondeConfig, datagram: &[u8]) -> Result<Result<v2::Envelope, &'static str>> {
    let mut out = BytesMut::new();
    match Rules::dropsonde(config, false).apply_v2(datagram, &mut out) {
        Ok(()) => envelope(&out).map(Ok),
        Err(reason) => told(reason).map(Err),
    }
}
