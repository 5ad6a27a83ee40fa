//! The event stream that a gateway makes of batches.

use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::gateway::Rig;
use crate::verdict::{Verdict, each_with};

#[derive(Deserialize)]
struct Case {
    batches: Vec<HexBytes>,
    body: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each_with(lines, Rig::start, |rig, case: Case| {
        let batches = case.batches.iter().map(|batch| batch.0.clone()).collect();
        let answer = rig.read("GET", "log", Ok(batches))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got = (answer.status, answer.content_type, text(&answer.body));
        Ok(Verdict::of(
            &got,
            &(200, "text/event-stream".to_owned(), text(&case.body.0)),
        ))
    })
}
