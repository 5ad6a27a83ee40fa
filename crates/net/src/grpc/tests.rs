use bytes::BytesMut;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::*;
use crate::body::BoxError;

const LIMIT: usize = 10 << 20;

/// A body of just these frames.
fn body_of(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> Body {
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn data(pieces: &[&[u8]]) -> Body {
    body_of(
        pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect(),
    )
}

async fn all(messages: &mut Messages<Body>) -> (Vec<Bytes>, Result<(), Status>) {
    let mut read = Vec::new();
    loop {
        match messages.next().await {
            Ok(Some(message)) => read.push(message),
            Ok(None) => return (read, Ok(())),
            Err(status) => return (read, Err(status)),
        }
    }
}

async fn error_of(body: Body) -> Status {
    all(&mut Messages::new(body, LIMIT)).await.1.unwrap_err()
}

#[tokio::test]
async fn a_message_within_a_frame_is_a_slice_of_it() {
    let mut frame = BytesMut::from(&message(b"one")[..]);
    frame.extend_from_slice(&message(b""));
    frame.extend_from_slice(&message(b"three"));
    let frame = frame.freeze();
    let range = frame.as_ptr_range();
    let mut messages = Messages::new(body_of(vec![Ok(Frame::data(frame))]), LIMIT);
    let (read, end) = all(&mut messages).await;
    assert_eq!(read, [&b"one"[..], b"", b"three"]);
    assert!(range.contains(&read[0].as_ptr()) && range.contains(&read[2].as_ptr()));
    end.unwrap();
    assert!(messages.next().await.unwrap().is_none(), "the end stays");
}

#[tokio::test]
async fn a_message_is_whole_however_it_is_cut() {
    let sent: Vec<u8> = [message(b"first"), message(&[]), message(b"second one")].concat();
    for size in 1..sent.len() {
        let pieces: Vec<&[u8]> = sent.chunks(size).collect();
        let (read, end) = all(&mut Messages::new(data(&pieces), LIMIT)).await;
        assert_eq!(
            read,
            [&b"first"[..], b"", b"second one"],
            "cut every {size}"
        );
        end.unwrap();
    }
}

#[tokio::test]
async fn a_large_message_over_many_frames_is_exactly_as_large() {
    let payload: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    let sent = message(&payload);
    let pieces: Vec<&[u8]> = sent.chunks(16 << 10).collect();
    let (read, end) = all(&mut Messages::new(data(&pieces), LIMIT)).await;
    end.unwrap();
    assert_eq!(read.len(), 1);
    assert!(read[0] == payload);
}

#[tokio::test]
async fn the_limit_is_inclusive_and_the_text_is_go_s() {
    let (read, end) = all(&mut Messages::new(data(&[&message(&[0; 100])]), 100)).await;
    assert_eq!((read.len(), end.is_ok()), (1, true));
    let (read, end) = all(&mut Messages::new(data(&[&message(&[0; 101])]), 100)).await;
    let status = end.unwrap_err();
    assert!(read.is_empty());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        "grpc: received message larger than max (101 vs. 100)"
    );
}

#[tokio::test]
async fn the_announced_length_alone_costs_no_memory() {
    let body = data(&[&prefix(LIMIT)[..], &[0; 10][..]]);
    let status = error_of(body).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().starts_with("unexpected EOF"), "{status}");
}

#[tokio::test]
async fn compressed_and_strange_messages_are_refused() {
    assert_eq!(
        error_of(data(&[&[1, 0, 0, 0, 1, 9]])).await.code(),
        Code::Unimplemented
    );
    assert_eq!(
        error_of(data(&[&[7, 0, 0, 0, 1, 9]])).await.code(),
        Code::Internal
    );
}

#[tokio::test]
async fn an_end_within_a_prefix_or_payload_is_an_error_after_the_whole_ones() {
    for cut in [1, 4, 5, 7] {
        let last = message(b"cut off");
        let (read, end) = all(&mut Messages::new(
            data(&[&message(b"whole"), &last[..cut]]),
            LIMIT,
        ))
        .await;
        assert_eq!(read, [&b"whole"[..]]);
        assert_eq!(end.unwrap_err().code(), Code::Internal, "cut at {cut}");
    }
}

#[tokio::test]
async fn broken_streams_have_the_status_of_their_cause() {
    let broken = |error: BoxError| error_of(body_of(vec![Err(error)]));
    let reset = |reason: h2::Reason| broken(h2::Error::from(reason).into());
    assert_eq!(reset(h2::Reason::CANCEL).await.code(), Code::Cancelled);
    assert_eq!(
        reset(h2::Reason::REFUSED_STREAM).await.code(),
        Code::Unavailable
    );
    assert_eq!(
        reset(h2::Reason::ENHANCE_YOUR_CALM).await.code(),
        Code::ResourceExhausted
    );
    assert_eq!(
        reset(h2::Reason::PROTOCOL_ERROR).await.code(),
        Code::Internal
    );
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert_eq!(broken(lost.into()).await.code(), Code::Unavailable);
    assert_eq!(
        broken(Status::not_found("x").into()).await.code(),
        Code::NotFound
    );
}

fn response(status: u16, frames: Vec<Frame<Bytes>>) -> Response<Body> {
    let mut response = streaming_response(body_of(frames.into_iter().map(Ok).collect()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test]
async fn a_response_ends_with_the_status_of_its_trailers() {
    let first = || Frame::data(message(b"m"));
    for (status, text) in [
        (Status::ok(""), None),
        (Status::unavailable("gone: 100 %"), Some("gone: 100 %")),
    ] {
        let frames = vec![first(), Frame::trailers(trailers(status))];
        let (read, end) = all(&mut Messages::of_response(response(200, frames), LIMIT)).await;
        assert_eq!(read.len(), 1);
        let told = end.err();
        assert_eq!(told.as_ref().map(Status::message), text);
    }
    let (read, end) = all(&mut Messages::of_response(
        response(200, vec![first()]),
        LIMIT,
    ))
    .await;
    assert_eq!((read.len(), end.unwrap_err().code()), (1, Code::Internal));
}

#[tokio::test]
async fn trailers_only_and_plain_http_errors_are_statuses() {
    let refused = status_response(Status::invalid_argument("Selectors cannot be empty"));
    let (_, end) = all(&mut Messages::of_response(refused, LIMIT)).await;
    let status = end.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "Selectors cannot be empty")
    );
    let page = response(503, vec![Frame::data(Bytes::from_static(b"<html>"))]);
    let (read, end) = all(&mut Messages::of_response(page, LIMIT)).await;
    assert_eq!(
        (read.len(), end.unwrap_err().code()),
        (0, Code::Unavailable)
    );
}

async fn frames_of(mut body: Body) -> Vec<Result<Frame<Bytes>, BoxError>> {
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn large_payloads_leave_by_reference_and_small_ones_joined() {
    let large = Bytes::from(vec![7; 4 << 10]);
    let source = stream::iter([Ok(Bytes::from_static(b"small")), Ok(large.clone())]);
    let mut frames = frames_of(stream_body(source)).await.into_iter();
    let mut next = || frames.next().unwrap().unwrap();
    assert_eq!(next().into_data().unwrap(), message(b"small"));
    assert_eq!(next().into_data().unwrap(), prefix(4 << 10));
    assert_eq!(next().into_data().unwrap().as_ptr(), large.as_ptr());
    let trailers = next().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert!(frames.next().is_none());
}

#[tokio::test]
async fn a_failing_source_ends_a_response_with_its_status() {
    let source = stream::iter([Ok(Bytes::new()), Err(Status::aborted("enough"))]);
    let frames = frames_of(stream_body(source)).await;
    let status = frames[1]
        .as_ref()
        .unwrap()
        .trailers_ref()
        .and_then(status_of);
    assert_eq!(status.unwrap().code(), Code::Aborted);
    assert_eq!(frames.len(), 2);
}

#[tokio::test]
async fn a_request_ends_without_a_status_or_is_cancelled() {
    let frames = frames_of(request_body(stream::iter([Ok(Bytes::new())]))).await;
    assert_eq!(frames.len(), 1);
    let source = stream::iter([Err(Status::aborted("enough"))]);
    let frames = frames_of(request_body(source)).await;
    let error = frames[0].as_ref().unwrap_err();
    let reset = error.downcast_ref::<h2::Error>().unwrap();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
}

#[test]
fn requests_carry_what_grpc_servers_ask_for() {
    let request = request("/p.S/M", "doppler", crate::body::empty());
    assert_eq!(request.uri(), "http://doppler/p.S/M");
    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    assert_eq!(request.headers()["te"], "trailers");
    let odd = super::request("/p.S/M", "no authority!", crate::body::empty());
    assert_eq!(odd.uri().path(), "/p.S/M");
}

#[tokio::test]
async fn a_unary_answer_is_one_message_and_ok() {
    let mut messages = Messages::of_response(ok_unary(&b"yes"[..]), LIMIT);
    let (read, end) = all(&mut messages).await;
    assert_eq!(
        (read, end.is_ok()),
        (vec![Bytes::from_static(b"yes")], true)
    );
}
