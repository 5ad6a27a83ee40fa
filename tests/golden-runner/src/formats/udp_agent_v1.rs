//! Datagrams as an agent hands them to routers.

use anyhow::{Result, ensure};
use bytes::BytesMut;
use logweir_proto::v1;
use logweir_serve::dropsonde::{DropsondeConfig, Reason, Rules};
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::v1::envelope;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    datagram: HexBytes,
    tags: Tags,
    v1: Option<HexBytes>,
    error: Option<String>,
}

/// What the hop was configured with.
#[derive(Deserialize)]
pub(super) struct Tags {
    deployment: String,
    job: String,
    index: String,
    ip: String,
}

impl Tags {
    pub(super) fn config(self) -> DropsondeConfig {
        let Tags {
            deployment,
            job,
            index,
            ip,
        } = self;
        DropsondeConfig {
            deployment,
            job,
            index,
            ip,
            ..DropsondeConfig::default()
        }
    }
}

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let mut rules = Rules::dropsonde(&case.tags.config(), true);
        let mut out = BytesMut::new();
        let taken = rules.apply(&case.datagram.0, &mut out);
        let ours: Result<v1::Envelope, _> = match taken {
            Ok(()) => Ok(envelope(&out)?),
            Err(reason) => Err(told(reason)?),
        };
        let recorded = match &case.v1 {
            Some(v1) => Ok(envelope(&v1.0)?),
            None => Err(case.error.as_deref().unwrap_or_default()),
        };
        Ok(Verdict::of(&ours, &recorded))
    })
}

/// What the original says of a datagram that is not taken.
pub(super) fn told(reason: Reason) -> Result<&'static str> {
    ensure!(
        !matches!(reason, Reason::Unsigned | Reason::BadSignature),
        "dropsonde is not signed"
    );
    Ok(match reason {
        Reason::UnknownType | Reason::NoEvent => "invalid-envelope",
        _ => "unmarshal",
    })
}
