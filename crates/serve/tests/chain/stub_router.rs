//! A router that counts what it reads, and can stop reading.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
    listen::{self, ConnectionStats, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use logweir_proto::{frames::frames, peek::peek};
use tokio::sync::watch;
use tower_service::Service;

use crate::hosts::Hosts;

#[derive(Clone)]
pub(crate) struct StubRouter {
    pub(crate) address: SocketAddr,
    pub(crate) stats: ConnectionStats,
    pub(crate) shutdown: Shutdown,
    reads: Arc<watch::Sender<bool>>,
    sources: Arc<Mutex<HashMap<String, u64>>>,
}

impl StubRouter {
    pub(crate) async fn start(hosts: &Hosts, address: SocketAddr, reads: bool) -> Self {
        let files = hosts.tls();
        let paths = TlsPaths {
            cert: files.cert,
            key: files.key,
            ca: files.ca,
        };
        let tls = ServerTls::load(&paths, ClientAuth::Required, &[], Alpn::H2).unwrap();
        let listener = listen::bind(address).await.unwrap();
        let stub = Self {
            address: listener.local_addr().unwrap(),
            stats: ConnectionStats::default(),
            shutdown: Shutdown::new(),
            reads: Arc::new(watch::Sender::new(reads)),
            sources: Arc::default(),
        };
        let settings = HttpSettings {
            stream_window: 64 << 10,
            connection_window: 64 << 10,
            ..HttpSettings::grpc()
        };
        let (stats, shutdown) = (stub.stats.clone(), stub.shutdown.clone());
        let serve =
            listen::serve_counted(listener, Some(tls), settings, stats, stub.clone(), shutdown);
        stub.shutdown.tracker.spawn(serve);
        stub
    }

    /// Envelopes of a source that were read so far.
    pub(crate) fn envelopes(&self, source: &str) -> u64 {
        let sources = self.sources.lock().unwrap();
        sources.get(source).copied().unwrap_or(0)
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let mut messages = Messages::new(request.into_body(), 16 << 20);
        let mut reads = self.reads.subscribe();
        let stop = self.shutdown.stop.clone();
        loop {
            reads.wait_for(|reads| *reads).await.unwrap();
            let next = stop.run_until_cancelled(messages.next()).await;
            match next.unwrap_or(Ok(None)) {
                Ok(Some(batch)) => {
                    let mut sources = self.sources.lock().unwrap();
                    for frame in frames(&batch) {
                        let source = peek(frame.unwrap().envelope).unwrap().source_id.to_owned();
                        *sources.entry(source).or_default() += 1;
                    }
                }
                Ok(None) => return grpc::ok_unary(bytes::Bytes::new()),
                Err(status) => return grpc::status_response(status),
            }
        }
    }
}

impl Service<Request<Incoming>> for StubRouter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async move { Ok(answer.await) })
    }
}
