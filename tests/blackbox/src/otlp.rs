//! OTLP by hand: requests, and a collector that does as it is told.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Code, Messages, Status},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};

use crate::{certificates::Identity, fleet::Fleet};

/// The method that takes logs.
pub const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A length-delimited field.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        field.push(u8::try_from(length & 0x7F).expect("seven bits") | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("seven bits"));
    field.extend_from_slice(value);
    field
}

/// A request of log records whose bodies these are.
pub fn logs(bodies: &[&str]) -> Vec<u8> {
    let records = bodies.iter().flat_map(|text| {
        let body = field(5, &field(1, text.as_bytes()));
        field(2, &body)
    });
    let scope: Vec<u8> = records.collect();
    field(1, &field(2, &scope))
}

/// How often a collector was called: for logs, and for anything else.
pub type Calls = Arc<[AtomicUsize; 2]>;

/// What a collector does with a call.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Says that so many are rejected.
    Rejects(u8),
    /// Never answers.
    Silent,
    /// Answers with this status.
    Fails(Code),
}

/// A collector that treats logs in its own way, and takes everything else.
#[derive(Clone, Debug)]
pub struct Collector {
    logs: Mood,
    calls: Calls,
}

impl Collector {
    /// Its port and how often it was called, for logs and for metrics.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(fleet: &Fleet, logs: Mood) -> (u16, Calls) {
        let Identity { cert, key } = fleet.identity("otel-collector");
        let ca = fleet.ca();
        let paths = TlsPaths { cert, key, ca };
        let tls = ServerTls::load(&paths, ClientAuth::Required, &[], Alpn::H2);
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let calls = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let service = Self {
            logs,
            calls: Arc::clone(&calls),
        };
        tokio::spawn(listen::serve(
            listener,
            Some(tls.expect("certificates")),
            HttpSettings::grpc(),
            service,
            Shutdown::new(),
        ));
        (port, calls)
    }
}

impl tower_service::Service<Request<Incoming>> for Collector {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let is_logs = request.uri().path() == LOGS;
        self.calls[usize::from(!is_logs)].fetch_add(1, Ordering::SeqCst);
        let mood = match is_logs {
            true => self.logs,
            false => Mood::Takes,
        };
        Box::pin(async move {
            let mut messages = Messages::new(request.into_body(), 1 << 20);
            let _ = messages.next().await;
            Ok(match mood {
                Mood::Takes => grpc::ok_unary(Bytes::new()),
                Mood::Rejects(count) => grpc::ok_unary(field(1, &[8, count])),
                Mood::Fails(code) => grpc::status_response(Status::new(code, "as told")),
                Mood::Silent => std::future::pending().await,
            })
        })
    }
}
