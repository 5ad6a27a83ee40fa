//! `Doppler/RecentLogs` and `Doppler/ContainerMetrics`, which current originals have no
//! more and stranded clients still call.

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{body::Body, grpc};
use logweir_proto::{
    frames::{frame_len, push_frame},
    plumbing,
};
use tonic::Status;

use super::egress::{one_message, stated_limit};
use crate::recents::Recents;

/// Clients that do not state what they take are taken to have gRPC's default limit.
const ANSWER_BYTES: usize = 4 << 20;

/// Answers `RecentLogs`.
pub(super) async fn logs(recents: &Recents, request: Request<Incoming>) -> Response<Body> {
    let most = stated_limit(request.headers()).unwrap_or(ANSWER_BYTES);
    let wanted = one_message(request).await;
    // A caller who has just subscribed looks for all that came before.
    recents.settle().await;
    answered(wanted, |wanted: plumbing::RecentLogsRequest| {
        // Those that do not fit are the oldest.
        latest(&recents.logs(&wanted.app_id, usize::MAX), most)
    })
}

/// Answers `ContainerMetrics`.
pub(super) async fn container_metrics(
    recents: &Recents,
    request: Request<Incoming>,
) -> Response<Body> {
    let most = stated_limit(request.headers()).unwrap_or(ANSWER_BYTES);
    answered(
        one_message(request).await,
        |wanted: plumbing::ContainerMetricsRequest| {
            latest(&recents.container_metrics(&wanted.app_id), most)
        },
    )
}

fn answered<T>(wanted: Result<T, Status>, answer: impl FnOnce(T) -> Bytes) -> Response<Body> {
    match wanted {
        Ok(wanted) => grpc::ok_unary(answer(wanted)),
        Err(status) => grpc::status_response(status),
    }
}

/// The last of these envelopes that make an answer of at most so many bytes, framed.
fn latest(envelopes: &[Bytes], most: usize) -> Bytes {
    let mut left = most;
    let fitting = envelopes.iter().rev().take_while(|envelope| {
        let fits = frame_len(envelope.len()) <= left;
        left = left.saturating_sub(frame_len(envelope.len()));
        fits
    });
    let first = envelopes.len() - fitting.count();
    let mut out = BytesMut::new();
    for envelope in &envelopes[first..] {
        push_frame(&mut out, envelope);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_would_be_too_large_lacks_the_oldest() {
        let all = ["aa", "bb", "cc"].map(|text| Bytes::from_static(text.as_bytes()));
        assert_eq!(latest(&all, 100), "\x0A\x02aa\x0A\x02bb\x0A\x02cc");
        assert_eq!(latest(&all, 8), "\x0A\x02bb\x0A\x02cc");
        assert_eq!(latest(&all, 3), "");
    }
}
