//! `/apps/{id}/recentlogs` and `/apps/{id}/containermetrics`: what is remembered, as
//! `multipart/x-protobuf` (spec loggregator-v1 §4.7).

use std::vec;

use aws_lc_rs::rand;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use logweir_net::body::Body;
use logweir_proto::v1;
use logweir_wire::multipart::Writer;
use prost::Message;
use tonic::{Code, Status};

use super::{cookie::allow_origin, handler::TrafficController};
use crate::{
    front::{answer::plain, form},
    grpc::unix_nanos,
};

/// The newest logs that are sent to who does not say how many.
const LOGS: usize = 1000;

/// Parts are gathered into pieces of about this many bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Answers `/apps/{id}/recentlogs` for a caller who may read the app: its newest logs
/// in ascending order, `?limit=` of them.
pub(super) async fn recent_logs(
    controller: &TrafficController,
    request: &Parts,
    app: &str,
) -> Response<Body> {
    let logs = controller.source().recent(app, limit(request)).await;
    answer(request, app, logs)
}

/// Answers `/apps/{id}/containermetrics` for a caller who may read the app: the newest
/// metric of each instance.
pub(super) async fn container_metrics(
    controller: &TrafficController,
    request: &Parts,
    app: &str,
) -> Response<Body> {
    let metrics = controller.source().container_metrics(app).await;
    answer(request, app, metrics)
}

/// The number of logs that a query asks for.
pub(super) fn limit(request: &Parts) -> usize {
    let limit = form::first(request.uri.query(), "limit");
    limit.and_then(|limit| limit.parse().ok()).unwrap_or(LOGS)
}

fn answer(request: &Parts, app: &str, found: Result<Vec<Bytes>, Status>) -> Response<Body> {
    let parts = match found {
        Ok(parts) => parts,
        // Where the reference has no store it says so in an envelope, too.
        Err(status) if status.code() == Code::Unimplemented => vec![not_kept(app)],
        Err(status) => return failed(&status),
    };
    let mut response = multipart(parts);
    if let Some(origin) = request.headers.get(header::ORIGIN) {
        allow_origin(response.headers_mut(), origin.clone());
    }
    response
}

/// No router that could be asked.
pub(super) fn failed(status: &Status) -> Response<Body> {
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{}\n", status.message()),
    )
}

/// The envelope of someone who looks for what nobody keeps.
fn not_kept(app: &str) -> Bytes {
    let text = "Nothing is remembered here: set router.recent.bytes at the routers, or read \
                the log cache.";
    let at = unix_nanos();
    let log = v1::LogMessage {
        message: Some(Bytes::from_static(text.as_bytes())),
        message_type: Some(v1::log_message::MessageType::Err as i32),
        timestamp: Some(at),
        app_id: Some(Bytes::copy_from_slice(app.as_bytes())),
        source_type: Some(Bytes::from_static(b"Loggregator")),
        ..v1::LogMessage::default()
    };
    let envelope = v1::Envelope {
        origin: Some(Bytes::from_static(b"loggregator.trafficcontroller")),
        event_type: Some(v1::envelope::EventType::LogMessage as i32),
        timestamp: Some(at),
        log_message: Some(log),
        ..v1::Envelope::default()
    };
    envelope.encode_to_vec().into()
}

/// A 200 whose body has a part for each message.
pub(super) fn multipart(parts: Vec<Bytes>) -> Response<Body> {
    let mut random = [0; 30];
    if rand::fill(&mut random).is_err() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers\n");
    }
    let writer = Writer::new(random);
    let Ok(kind) = HeaderValue::try_from(writer.content_type()) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "no content type\n");
    };
    let pieces = Pieces {
        writer: Some(writer),
        parts: parts.into_iter(),
    };
    let pieces = pieces.map(|piece| Ok(Frame::data(piece)));
    let body = StreamBody::new(stream::iter(pieces)).boxed_unsync();
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The body, piece by piece, as it can be written.
struct Pieces {
    writer: Option<Writer>,
    parts: vec::IntoIter<Bytes>,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut writer = self.writer.take()?;
        let mut piece = BytesMut::new();
        for part in self.parts.by_ref() {
            writer.part(&part, &mut piece);
            if piece.len() >= PIECE_BYTES {
                self.writer = Some(writer);
                return Some(piece.freeze());
            }
        }
        writer.end(&mut piece);
        Some(piece.freeze())
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use logweir_wire::multipart;

    use super::*;

    async fn read(response: Response<Body>) -> Vec<Bytes> {
        assert_eq!(response.status(), StatusCode::OK);
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
        // What noaa takes for the boundary: everything after the equals sign.
        let (head, boundary) = kind.split_once("boundary=").unwrap();
        assert_eq!(head, "multipart/x-protobuf; ");
        assert_eq!(boundary.len(), 60);
        assert!(
            boundary
                .bytes()
                .all(|byte| b"0123456789abcdef".contains(&byte))
        );
        let kind = kind.to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let parts = multipart::parts(&kind, &body).unwrap();
        parts.into_iter().map(Bytes::copy_from_slice).collect()
    }

    #[tokio::test]
    async fn parts_come_whole_and_in_order() {
        for parts in [
            Vec::new(),
            vec![Bytes::from_static(b"a\r\n--b"), Bytes::new()],
            (0..100_u8).map(|n| vec![n; 3000].into()).collect(),
        ] {
            assert_eq!(read(multipart(parts.clone())).await, parts);
        }
    }

    #[tokio::test]
    async fn what_nobody_keeps_is_said_in_an_envelope_and_what_failed_in_the_status() {
        let request = Request::get("/apps/x/recentlogs").header("origin", "https://a.example");
        let (request, ()) = request.body(()).unwrap().into_parts();
        let response = answer(&request, "x", Err(Status::unimplemented("")));
        let origin = &response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN];
        assert_eq!(origin, "https://a.example");
        let parts = read(response).await;
        let envelope = v1::Envelope::decode(parts[0].clone()).unwrap();
        let log = envelope.log_message.unwrap();
        assert_eq!(log.app_id.unwrap(), "x");
        assert_eq!(log.source_type.unwrap(), "Loggregator");
        let response = answer(
            &request,
            "x",
            Err(Status::unavailable("no router answered")),
        );
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_limit_that_is_no_number_is_ignored() {
        for (query, expected) in [
            ("", LOGS),
            ("?limit=3", 3),
            ("?limit=0", 0),
            ("?limit=-1", LOGS),
            ("?limit=x&limit=4", LOGS),
        ] {
            let uri = format!("/apps/x/recentlogs{query}");
            let (parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
            assert_eq!(limit(&parts), expected, "{query}");
        }
    }
}
