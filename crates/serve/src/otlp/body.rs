//! The body of a request, within bounds: packed, unpacked, and in time.

use std::{io::Read, time::Duration};

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use logweir_net::body::Body;
use logweir_wire::otlp::Malformed;

/// A request has to be there within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing of a request was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("the request is larger than the {limit} bytes of otlp.message_bytes")]
    TooLarge { limit: usize },
    #[error("the request is not there after {PATIENCE:?}")]
    Late,
    #[error("the request broke off: {0}")]
    Broken(String),
    #[error("the encoding `{0}` is not known; send gzip or nothing")]
    Encoding(String),
    #[error("the gzip of the request cannot be read: {0}")]
    Gzip(String),
    #[error("{0}")]
    Malformed(Malformed),
}

impl Failure {
    /// Names in metrics.
    pub(super) const NAMES: [&'static str; 6] = [
        "too_large",
        "late",
        "broken",
        "encoding",
        "gzip",
        "malformed",
    ];

    /// Position in [`Failure::NAMES`].
    pub(super) fn index(&self) -> usize {
        match self {
            Self::TooLarge { .. } => 0,
            Self::Late => 1,
            Self::Broken(_) => 2,
            Self::Encoding(_) => 3,
            Self::Gzip(_) => 4,
            Self::Malformed(_) => 5,
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Failure> {
    let whole = tokio::time::timeout(PATIENCE, gather(body, limit));
    whole.await.map_err(|_| Failure::Late)?
}

async fn gather(mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    // A small request is one piece, and is not copied.
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + whole.len() + data.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        if whole.is_empty() && first.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(match whole.is_empty() {
        true => first,
        false => whole.freeze(),
    })
}

/// Unpacks gzip to at most `limit` bytes: a bomb costs no more than that.
pub(super) fn gunzip(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| Failure::Gzip(error.to_string()))?;
    match plain.len() > limit {
        true => Err(Failure::TooLarge { limit }),
        false => Ok(plain.into()),
    }
}
