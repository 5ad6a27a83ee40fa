//! A router whose clients misbehave, or do not notice that it stops.

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    dial::{DialSettings, Dialer, H2},
    grpc::{self, Messages},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::{service, v2};
use logweir_serve::{
    context::{ServeContext, Started},
    router::{self, RouterConfig},
    settings::SelfMetricsConfig,
};
use prost::Message;
use tonic::{Code, Status};

use crate::{
    PATIENCE,
    agent::until,
    hosts::{Hosts, any, context},
    rlp::hanging_up,
    stub_router::StubRouter,
};

struct Router {
    context: ServeContext,
    started: Started,
    client: H2,
}

async fn router() -> Router {
    let hosts = Hosts::new();
    let context = context();
    let config = RouterConfig {
        listen: any(),
        tls: hosts.tls(),
        ..Default::default()
    };
    let started = router::start(config, &context).await.unwrap();
    let own = hosts.tls();
    let identity = Some((own.cert.as_path(), own.key.as_path()));
    let tls = ClientTls::load(Some(&own.ca), identity, Verify::Ca, &[], Alpn::H2).unwrap();
    let settings = DialSettings {
        stream_window: 64 << 10,
        connection_window: 1 << 20,
        ..DialSettings::default()
    };
    let dialer = Dialer::new(Some(tls), "doppler".into(), settings);
    let client = dialer
        .connect(started.address("grpc").unwrap())
        .await
        .unwrap();
    Router {
        context,
        started,
        client,
    }
}

impl Router {
    async fn send(&self, path: &str, body: Body) -> Response<Incoming> {
        let request = grpc::request(path, self.client.authority(), body);
        self.client.send(request).await.unwrap()
    }
}

fn log(bytes: usize) -> v2::Envelope {
    let log = v2::Log {
        payload: vec![b'x'; bytes].into(),
        ..v2::Log::default()
    };
    v2::Envelope {
        source_id: "app".into(),
        message: Some(v2::envelope::Message::Log(log)),
        ..v2::Envelope::default()
    }
}

fn batch(count: usize, bytes: usize) -> Bytes {
    let batch = vec![log(bytes); count];
    v2::EnvelopeBatch { batch }.encode_to_vec().into()
}

fn endless(every: Duration) -> impl Stream<Item = Result<Bytes, Status>> + Send {
    stream::unfold(tokio::time::interval(every), |mut ticks| async move {
        ticks.tick().await;
        Some((Ok(batch(1, 10)), ticks))
    })
}

async fn status(answer: Response<Incoming>) -> Result<(), Status> {
    let mut messages = Messages::of_response(answer, 1 << 20);
    while messages.next().await?.is_some() {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_never_pauses_does_not_hold_a_stop() {
    let router = router().await;
    let body = grpc::request_body(endless(Duration::from_millis(5)));
    let request = grpc::request(service::BATCH_SENDER, router.client.authority(), body);
    let answer = tokio::spawn(router.client.send(request));
    until("envelopes come in", || {
        !router.started.ledger().contains("ingress 0 ")
    })
    .await;
    let begun = tokio::time::Instant::now();
    assert!(router.context.shutdown.clone().finish(PATIENCE).await);
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    let answer = answer.unwrap().unwrap();
    status(answer).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_right_behind_buffered_envelopes_is_answered() {
    let router = router().await;
    // One frame: an envelope, and the announcement of one above the limit.
    let mut bytes = BytesMut::from(&grpc::message(&log(10).encode_to_vec())[..]);
    bytes.put_u8(0);
    bytes.put_u32(11 << 20);
    let frames = stream::iter([Ok(http_body::Frame::data(bytes.freeze()))]);
    let body = StreamBody::new(frames).boxed_unsync();
    let answer = tokio::time::timeout(PATIENCE, router.send(service::SENDER, body)).await;
    let status = status(answer.unwrap()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let words = "grpc: received message larger than max (11534336 vs. 10485760)";
    assert_eq!(status.message(), words);
    let ledger = router.started.ledger();
    assert!(ledger.contains("ingress 1 "), "{ledger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_does_not_hold_a_stop_past_its_deadline() {
    let router = router().await;
    let selector = v2::Selector {
        message: Some(v2::selector::Message::Log(v2::LogSelector {})),
        ..v2::Selector::default()
    };
    let request = v2::EgressBatchRequest {
        selectors: vec![selector],
        ..v2::EgressBatchRequest::default()
    };
    let request = grpc::message(&request.encode_to_vec());
    let body = logweir_net::body::full(request);
    let reader = router.send(service::BATCHED_RECEIVER, body).await;
    for _ in 0..40 {
        let one = stream::iter([Ok(batch(100, 1000))]);
        let answer = router
            .send(service::BATCH_SENDER, grpc::request_body(one))
            .await;
        status(answer).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    let deadline = Duration::from_secs(1);
    assert!(!router.context.shutdown.clone().finish(deadline).await);
    assert!(begun.elapsed() < deadline * 4, "{:?}", begun.elapsed());
    let ledger = router.started.ledger();
    assert!(ledger.contains("+ queued 0"), "{ledger}");
    assert!(ledger.contains(" for shutdown"), "{ledger}");
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_less_than_a_chunk_is_refused() {
    let router = router().await;
    let body = logweir_net::body::full(grpc::message(&[]));
    let mut request = grpc::request(service::BATCHED_RECEIVER, router.client.authority(), body);
    let stated = HeaderMap::from_iter([(
        http::HeaderName::from_static("logweir-max-message-bytes"),
        http::HeaderValue::from(4096),
    )]);
    request.headers_mut().extend(stated);
    let answer = router.client.send(request).await.unwrap();
    let status = status(answer).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let words = "logweir-max-message-bytes is 4096; state at least 131072";
    assert_eq!(status.message(), words);
}

async fn with_own_metrics_to(hosts: &Hosts, agent: SocketAddr) -> (ServeContext, Started) {
    let context = context();
    let config = RouterConfig {
        listen: any(),
        tls: hosts.tls(),
        self_metrics: SelfMetricsConfig {
            agent: agent.to_string(),
            interval: Duration::from_millis(10),
            ..Default::default()
        },
        ..Default::default()
    };
    let started = router::start(config, &context).await.unwrap();
    (context, started)
}

#[tokio::test(flavor = "multi_thread")]
async fn own_metrics_at_a_short_interval_use_one_connection() {
    let hosts = Hosts::new();
    let agent = StubRouter::start(&hosts, any(), true).await;
    let (context, _router) = with_own_metrics_to(&hosts, agent.address).await;
    until("a hundred envelopes", || agent.envelopes("doppler") > 100).await;
    assert_eq!(agent.stats.accepted(), 1);
    assert!(context.shutdown.clone().finish(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_metrics_do_not_flood_an_agent_that_is_down() {
    let hosts = Hosts::new();
    let (address, calls, _down) = hanging_up().await;
    let begun = tokio::time::Instant::now();
    let (context, _router) = with_own_metrics_to(&hosts, address).await;
    until("two attempts", || calls.load(Ordering::Relaxed) >= 2).await;
    // At every interval of 10 ms it would be at once.
    assert!(
        begun.elapsed() >= Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
    assert!(context.shutdown.clone().finish(PATIENCE).await);
}
