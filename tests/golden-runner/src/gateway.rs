//! The gateway as its role runs it, in front of a reverse log proxy that answers as
//! it is told.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use logweir_net::body::Body;
use logweir_net::dial::{DialSettings, Dialer};
use logweir_net::listen::{self, HttpSettings};
use logweir_net::resolve::Resolver;
use logweir_net::{grpc, shutdown::Shutdown};
use logweir_serve::auth::{AuthConfig, Authorizer};
use logweir_serve::front::Readiness;
use logweir_serve::gateway::{Gateway, RemoteRlp, StreamConfig, Upstream};
use logweir_serve::metrics::Registry;
use tokio::runtime::Runtime;
use tonic::Status;

/// Requests are a few hundred bytes.
const REQUEST_BYTES: usize = 1 << 20;

/// How long an answer may take. It takes a millisecond; a case must not wait for
/// ever where the gateway does.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the proxy answers: batches and then the end of the stream, or a refusal.
pub(crate) type Reply = Result<Vec<Bytes>, Status>;

/// What a gateway answered, and what it asked of the proxy.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// The bytes of the `EgressBatchRequest`, if there was one.
    pub(crate) asked: Option<Bytes>,
}

/// A gateway and its proxy.
pub(crate) struct Rig {
    runtime: Runtime,
    gateway: Gateway,
    proxy: Proxy,
}

impl Rig {
    pub(crate) fn start() -> Result<Self> {
        let runtime = Runtime::new().context("start a runtime")?;
        let proxy = Proxy(Arc::default());
        let gateway = runtime.block_on(start(proxy.clone()))?;
        Ok(Self {
            runtime,
            gateway,
            proxy,
        })
    }

    /// One request to `/v2/read`.
    pub(crate) fn read(&self, method: &str, query: &str, reply: Reply) -> Result<Answer> {
        {
            let mut state = self.proxy.state();
            state.reply = Some(reply);
            state.asked = None;
        }
        let target = format!("/v2/read?{query}");
        let request = Request::builder().method(method).uri(target).body(());
        let request = request
            .context("not a request that HTTP carries")?
            .into_parts()
            .0;
        let answer = async {
            let (head, body) = self.gateway.read(&request).await.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| anyhow!("{error}"))?
                .to_bytes();
            let content_type = head.headers.get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            Ok(Answer {
                status: head.status.as_u16(),
                content_type: content_type.unwrap_or_default().to_owned(),
                body,
                asked: self.proxy.state().asked.take(),
            })
        };
        let answer = async { tokio::time::timeout(PATIENCE, answer).await };
        self.runtime
            .block_on(answer)
            .context("the gateway did not answer to the end")?
    }
}

async fn start(proxy: Proxy) -> Result<Gateway> {
    let shutdown = Shutdown::new();
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = listen::bind(loopback).await?;
    let target = listener.local_addr()?.to_string().parse()?;
    let settings = HttpSettings::grpc();
    tokio::spawn(listen::serve(
        listener,
        None,
        settings,
        proxy,
        shutdown.clone(),
    ));
    let registry = Registry::new();
    let remote = RemoteRlp::start(
        target,
        Dialer::new(None, "reverselogproxy".to_owned(), DialSettings::default()),
        Resolver::new(),
        Readiness::new().part("rlp"),
        &shutdown,
    );
    let authorizer = Authorizer::new(&AuthConfig::default(), loopback, false, &registry)?;
    Ok(Gateway::new(
        Upstream::Remote(remote),
        Arc::new(authorizer),
        StreamConfig::default(),
        &registry,
        shutdown.stop,
    ))
}

#[derive(Clone)]
struct Proxy(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    reply: Option<Reply>,
    asked: Option<Bytes>,
}

impl Proxy {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let mut messages = grpc::Messages::new(request.into_body(), REQUEST_BYTES);
        let asked = messages.next().await.ok().flatten();
        let mut state = self.state();
        state.asked = asked;
        match state.reply.take() {
            Some(Ok(batches)) => {
                let batches = stream::iter(batches.into_iter().map(Ok));
                grpc::streaming_response(grpc::stream_body(batches))
            }
            Some(Err(status)) => grpc::status_response(status),
            None => grpc::status_response(Status::failed_precondition("asked twice")),
        }
    }
}

impl tower_service::Service<Request<Incoming>> for Proxy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let proxy = self.clone();
        Box::pin(async move { Ok(proxy.answer(request).await) })
    }
}
