//! What the query of a drain's URL asks for.

use logweir_drain::url::{UrlDefaults, params};
use serde::Deserialize;

use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    url: String,
    default_drain_metadata: bool,
    dropped: bool,
    #[serde(default)]
    omit_metadata: bool,
    #[serde(default)]
    internal_tls: bool,
    #[serde(default)]
    drain_data: String,
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let defaults = UrlDefaults {
            metadata: case.default_drain_metadata,
        };
        let params = params(&case.url, &defaults).ok();
        let got = params.map(|params| {
            let data = params.data.name().to_owned();
            (!params.metadata, params.internal_tls, data)
        });
        let expected =
            (!case.dropped).then_some((case.omit_metadata, case.internal_tls, case.drain_data));
        Ok(Verdict::of(&got, &expected))
    })
}
