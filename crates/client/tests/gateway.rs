//! The gateway reader against an HTTP door that speaks server-sent events.
#![allow(clippy::unwrap_used, reason = "a failed unwrap here is a failed test")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use logweir_client::{Event, GatewayEndpoint, GatewayReader, GatewayRequest, Kind, ReadError, v2};
use logweir_net::body::{Body, BoxError, full};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(20);

/// What the door answers, one after the other; the last one again and again.
type Answers = Arc<Mutex<Vec<(StatusCode, &'static str)>>>;
type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

async fn door(answers: Vec<(StatusCode, &'static str)>) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (answers, seen): (Answers, Seen) = (Arc::new(Mutex::new(answers)), Seen::default());
    let told = seen.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (answers, seen) = (answers.clone(), seen.clone());
            let service = service_fn(move |request| {
                let response = answer(&answers, &seen, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tcp), service);
            tokio::spawn(connection);
        }
    });
    (addr, told)
}

fn answer(answers: &Answers, seen: &Seen, request: &Request<Incoming>) -> Response<Body> {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    seen.lock()
        .unwrap()
        .push((request.uri().to_string(), authorization));
    let mut answers = answers.lock().unwrap();
    let (status, text) = if answers.len() > 1 {
        answers.remove(0)
    } else {
        answers[0]
    };
    let body = if status == StatusCode::OK {
        pieces(text)
    } else {
        full(text)
    };
    Response::builder().status(status).body(body).unwrap()
}

/// The text in pieces of a few bytes, as a network may cut it.
fn pieces(text: &'static str) -> Body {
    let frames: Vec<Result<Frame<Bytes>, BoxError>> = text
        .as_bytes()
        .chunks(7)
        .map(|piece| Ok(Frame::data(Bytes::from(piece))))
        .collect();
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

fn reader(addr: SocketAddr) -> GatewayReader {
    let endpoint = GatewayEndpoint {
        url: format!("http://{addr}"),
        ca: None,
        token: Some("t0ken".into()),
    };
    let request = GatewayRequest {
        source_ids: vec!["app".into()],
        kinds: vec![Kind::Log],
        ..GatewayRequest::default()
    };
    GatewayReader::connect(endpoint, request).unwrap()
}

async fn next(reader: &mut GatewayReader) -> Option<Result<Event, ReadError>> {
    tokio::time::timeout(PATIENCE, reader.next()).await.unwrap()
}

const STREAM: &str = concat!(
    "event: heartbeat\ndata: 1700000000\n\n",
    "data: {\"batch\":[{\"timestamp\":\"7\",\"source_id\":\"app\",\"instance_id\":\"0\",",
    "\"deprecated_tags\":{},\"tags\":{\"k\":\"v\"},",
    "\"log\":{\"payload\":\"aGk=\",\"type\":\"ERR\"}}]}\n\n",
    "event: closing\ndata: closing due to stream timeout\n\n",
);

#[tokio::test]
async fn batches_arrive_and_a_closed_stream_is_opened_again() {
    let (addr, seen) = door(vec![(StatusCode::OK, STREAM)]).await;
    let mut reader = reader(addr);
    for again in [false, true] {
        let connected = Event::Connected {
            address: addr.to_string(),
            again,
        };
        assert_eq!(next(&mut reader).await.unwrap().unwrap(), connected);
        let Some(Ok(Event::Batch(batch))) = next(&mut reader).await else {
            panic!("no batch")
        };
        let envelope = &batch.batch[0];
        assert_eq!(
            (envelope.timestamp, envelope.source_id.as_str()),
            (7, "app")
        );
        assert_eq!(envelope.tags["k"], "v");
        let Some(v2::envelope::Message::Log(log)) = &envelope.message else {
            panic!("no log")
        };
        assert_eq!((&log.payload[..], log.r#type), (&b"hi"[..], 1));
        let gone = next(&mut reader).await.unwrap().unwrap();
        assert!(matches!(gone, Event::Disconnected { .. }));
    }
    let (target, authorization) = seen.lock().unwrap()[0].clone();
    assert_eq!(target, "/v2/read?source_id=app&log");
    assert_eq!(authorization.unwrap(), "bearer t0ken");
}

#[tokio::test]
async fn a_refusal_ends_the_reader_and_names_the_token() {
    let refusal = "{\"message\":\"resource not found\",\"error\":\"not_found\"}\n\n";
    let (addr, seen) = door(vec![(StatusCode::NOT_FOUND, refusal)]).await;
    let mut reader = reader(addr);
    let words = next(&mut reader).await.unwrap().unwrap_err().to_string();
    assert!(words.contains("resource not found"), "{words}");
    assert!(words.contains("check the token"), "{words}");
    assert!(!words.contains("t0ken"), "{words}");
    assert!(next(&mut reader).await.is_none());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_gateway_that_is_not_ready_is_asked_again() {
    let (addr, _) = door(vec![
        (StatusCode::SERVICE_UNAVAILABLE, "not yet"),
        (StatusCode::OK, STREAM),
    ])
    .await;
    let mut reader = reader(addr);
    let Some(Ok(Event::Disconnected { cause, .. })) = next(&mut reader).await else {
        panic!("no word of it")
    };
    assert!(
        cause.contains("503") && cause.contains("not yet"),
        "{cause}"
    );
    assert!(matches!(
        next(&mut reader).await,
        Some(Ok(Event::Connected { again: false, .. }))
    ));
}

#[tokio::test]
async fn an_address_that_is_none_fails_at_once() {
    let endpoint = GatewayEndpoint {
        url: "localhost:8080".into(),
        ca: None,
        token: None,
    };
    let error = GatewayReader::connect(endpoint, GatewayRequest::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("https://host:port"), "{error}");
}
