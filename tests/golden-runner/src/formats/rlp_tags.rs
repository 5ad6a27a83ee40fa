//! Tags as a reader of the reverse log proxy asked for them.

use bytes::BytesMut;
use logweir_proto::edit::{to_deprecated, to_preferred};
use serde::Deserialize;

use crate::bytes_field::{HexBytes, envelope};
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    r#in: HexBytes,
    use_preferred_tags: bool,
    out: HexBytes,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut out = BytesMut::new();
        if case.use_preferred_tags {
            to_preferred(&case.r#in.0, &mut out);
        } else {
            to_deprecated(&case.r#in.0, &mut out);
        }
        Ok(Verdict::of(&envelope(&out)?, &case.out.envelope()?))
    })
}
