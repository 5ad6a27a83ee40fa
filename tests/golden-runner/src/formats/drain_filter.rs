//! Which kinds of envelopes a drain takes.

use std::collections::BTreeMap;

use anyhow::Context;
use logweir_drain::{
    filter::{Filter, SourceTypes},
    url::DrainData,
};
use logweir_proto::peek::peek;
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    envelope: HexBytes,
    sent: BTreeMap<String, bool>,
}

const ALL: [DrainData; 6] = [
    DrainData::Logs,
    DrainData::LogsNoEvents,
    DrainData::Metrics,
    DrainData::LogsAndMetrics,
    DrainData::Traces,
    DrainData::All,
];

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let envelope = &case.envelope.0;
        let peek = peek(envelope).context("not an envelope")?;
        let sent = ALL.into_iter().map(|data| {
            let filter = Filter::new(data, SourceTypes::Every);
            (data.name().to_owned(), filter.wants(envelope, &peek))
        });
        Ok(Verdict::of(&sent.collect::<BTreeMap<_, _>>(), &case.sent))
    })
}
