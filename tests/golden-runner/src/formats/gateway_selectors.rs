//! Queries: what a gateway asks of the reverse log proxy, or answers instead.

use anyhow::Context;
use bytes::Bytes;
use logweir_proto::v2::EgressBatchRequest;
use prost::Message as _;
use serde::Deserialize;
use tonic::Status;

use crate::bytes_field::HexBytes;
use crate::gateway::Rig;
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    method: String,
    query: String,
    stream_fails: bool,
    status: u16,
    content_type: String,
    body: HexBytes,
    request: Option<HexBytes>,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each_with(lines, Rig::start, |rig, case: Case| {
        let reply = match case.stream_fails {
            true => Err(Status::unavailable("told to fail")),
            false => Ok(vec![]),
        };
        let answer = rig.read(&case.method, &case.query, reply)?;
        let decode = |request: Option<Bytes>| {
            request
                .map(EgressBatchRequest::decode)
                .transpose()
                .context("not a request")
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got = (
            answer.status,
            answer.content_type,
            text(&answer.body),
            decode(answer.asked)?,
        );
        let asked = decode(case.request.map(|request| request.0))?;
        let expected = (case.status, case.content_type, text(&case.body.0), asked);
        Ok(Verdict::of(&got, &expected))
    })
}
