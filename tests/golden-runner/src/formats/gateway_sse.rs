//! The event stream that a gateway makes of batches.

use logweir_wire::sse::batch_event;
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    batches: Vec<HexBytes>,
    body: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut body = Vec::new();
        for batch in &case.batches {
            batch_event(&batch.0, &mut body);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Verdict::of(&text(&body), &text(&case.body.0)))
    })
}
