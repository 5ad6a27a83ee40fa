//! A reverse log proxy that answers as it is told.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use logweir_net::{
    body::{Body, BoxError},
    grpc, listen,
    listen::HttpSettings,
    shutdown::Shutdown,
};
use logweir_proto::{service, v2};
use prost::Message;
use tonic::Status;

/// What the stub answers to each request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These batches, then the end.
    Batches(Vec<Bytes>),
    /// These batches, then silence.
    Open(Vec<Bytes>),
    /// One batch again and again, as fast as the reader takes it.
    Flood(Bytes),
    /// These batches, then a failure.
    Fail(Vec<Bytes>, Status),
    /// A failure at once, without a stream.
    Refuse(Status),
}

#[derive(Clone)]
pub(crate) struct StubRlp(Arc<State>);

struct State {
    reply: Mutex<Reply>,
    requests: Mutex<Vec<v2::EgressBatchRequest>>,
    /// Value of `logweir-max-message-bytes` of each request.
    limits: Mutex<Vec<String>>,
    taken: AtomicUsize,
}

impl StubRlp {
    /// Listens on `addr`; ends with `shutdown`.
    pub(crate) async fn start(
        addr: SocketAddr,
        reply: Reply,
        shutdown: &Shutdown,
    ) -> (Self, SocketAddr) {
        let listener = listen::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stub = Self(Arc::new(State {
            reply: Mutex::new(reply),
            requests: Mutex::default(),
            limits: Mutex::default(),
            taken: AtomicUsize::new(0),
        }));
        let settings = HttpSettings::grpc();
        tokio::spawn(listen::serve(
            listener,
            None,
            settings,
            stub.clone(),
            shutdown.clone(),
        ));
        (stub, addr)
    }

    pub(crate) fn reply(&self, reply: Reply) {
        *self.0.reply.lock().unwrap() = reply;
    }

    pub(crate) fn requests(&self) -> Vec<v2::EgressBatchRequest> {
        self.0.requests.lock().unwrap().clone()
    }

    pub(crate) fn limits(&self) -> Vec<String> {
        self.0.limits.lock().unwrap().clone()
    }

    /// Messages of floods that connections took.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        assert_eq!(request.uri().path(), service::BATCHED_RECEIVER);
        let limit = request.headers().get("logweir-max-message-bytes");
        let limit = limit
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let mut messages = grpc::Messages::new(request.into_body(), 10 << 20);
        let wanted = messages.next().await.unwrap().unwrap();
        self.0.limits.lock().unwrap().push(limit);
        self.0
            .requests
            .lock()
            .unwrap()
            .push(v2::EgressBatchRequest::decode(wanted).unwrap());
        let reply = self.0.reply.lock().unwrap().clone();
        let data = |batches: Vec<Bytes>| {
            stream::iter(batches).map(|batch| Frame::data(grpc::message(&batch)))
        };
        let end = |status| stream::iter([Frame::trailers(grpc::trailers(status))]);
        let frames = match reply {
            Reply::Refuse(status) => return grpc::status_response(status),
            Reply::Batches(batches) => data(batches).chain(end(Status::ok(""))).boxed(),
            Reply::Fail(batches, status) => data(batches).chain(end(status)).boxed(),
            Reply::Open(batches) => data(batches).chain(stream::pending()).boxed(),
            Reply::Flood(batch) => stream::repeat_with(move || {
                self.0.taken.fetch_add(1, Ordering::Relaxed);
                Frame::data(grpc::message(&batch))
            })
            .boxed(),
        };
        let body = StreamBody::new(frames.map(Ok::<_, BoxError>));
        grpc::streaming_response(body.boxed_unsync())
    }
}

impl tower_service::Service<Request<Incoming>> for StubRlp {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let stub = self.clone();
        Box::pin(async move { Ok(stub.answer(request).await) })
    }
}

/// A batch of one log with this payload.
pub(crate) fn log(payload: impl Into<Bytes>) -> Bytes {
    let log = v2::Log {
        payload: payload.into(),
        ..v2::Log::default()
    };
    let envelope = v2::Envelope {
        timestamp: 1,
        source_id: "a".into(),
        message: Some(v2::envelope::Message::Log(log)),
        ..v2::Envelope::default()
    };
    v2::EnvelopeBatch {
        batch: vec![envelope],
    }
    .encode_to_vec()
    .into()
}
