//! Tags that an agent puts on an envelope.

use std::collections::BTreeMap;

use bytes::BytesMut;
use logweir_proto::edit::{DefaultTags, tag_for_agent};
use serde::Deserialize;

use crate::bytes_field::{HexBytes, envelope};
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    r#in: HexBytes,
    default_tags: BTreeMap<String, String>,
    out: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut out = BytesMut::new();
        tag_for_agent(
            &case.r#in.0,
            &DefaultTags::new(&case.default_tags),
            None,
            &mut out,
        );
        Ok(Verdict::of(&envelope(&out)?, &case.out.envelope()?))
    })
}
