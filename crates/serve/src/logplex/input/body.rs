//! The body of a request, within bounds: whole, in time, unpacked.

use std::{io::Read, time::Duration};

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use logweir_net::body::Body;
use tokio::time::{Instant, timeout_at};

/// A sender that brings nothing for this long has stalled.
const STALL: Duration = Duration::from_secs(15);
/// A request has to be there within this time, however slowly it comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a body that is too large this many times the limit is read all the same: a client that
/// still writes when the connection is closed may not see the answer.
const PASSED_OVER: usize = 8;
/// What is unpacked may be this many times as large as the limit of what is sent.
const UNPACKED: usize = 8;
/// More is unpacked beside the threads that serve.
const SMALL: usize = 16 << 10;

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is larger than `logplex.body_bytes`, or unpacked larger than eight times that.
    TooLarge,
    /// It stalled, broke off, or is no gzip.
    Unreadable,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    let end = Instant::now() + PATIENCE;
    // A small request is one piece, and is not copied.
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut length = 0usize;
    loop {
        let stalled = (Instant::now() + STALL).min(end);
        let next = timeout_at(stalled, body.frame()).await;
        let frame = match next.map_err(|_| Failure::Unreadable)? {
            None => break,
            Some(frame) => frame.map_err(|_| Failure::Unreadable)?,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > limit {
            (first, whole) = (Bytes::new(), BytesMut::new());
            if length > limit.saturating_mul(PASSED_OVER) {
                break;
            }
        } else if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
    }
    match (length > limit, whole.is_empty()) {
        (true, _) => Err(Failure::TooLarge),
        (false, true) => Ok(first),
        (false, false) => Ok(whole.freeze()),
    }
}

/// Unpacks gzip within [`UNPACKED`] times `limit`: a bomb costs no more than that.
pub(super) async fn gunzip(packed: Bytes, limit: usize) -> Result<Bytes, Failure> {
    let most = limit.saturating_mul(UNPACKED);
    if packed.len() <= SMALL {
        return unpack(&packed, most);
    }
    let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, most));
    unpacking.await.map_err(|_| Failure::Unreadable)?
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|_| Failure::Unreadable)?;
    match plain.len() > limit {
        true => Err(Failure::TooLarge),
        false => Ok(plain.into()),
    }
}
