//! A peer whose manners a test sets: takes envelopes, or stalls, or hangs up.
#![allow(dead_code, reason = "each test file uses its own part of the stub")]

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_client::{Endpoint, v2};
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
    listen::{self, HttpSettings},
    pki::{Authority, write_pair},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use prost::Message;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tonic::Status;

/// How the peer treats a stream.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Reads an ingress stream to its end, and answers as we do.
    Take,
    /// The same, and answers as Go's peers do: `Unknown`, "EOF".
    TakeAsGo,
    /// Reads nothing and answers nothing.
    Stall,
    /// Reads one message, then answers OK.
    ReturnEarly,
    /// Answers with this at once.
    Refuse(Status),
    /// Gives each reader these batches, then holds the stream open until told to end.
    Give(Vec<v2::EnvelopeBatch>),
}

#[derive(Default)]
struct Seen {
    envelopes: Vec<v2::Envelope>,
    streams: usize,
    requests: Vec<(http::HeaderMap, v2::EgressBatchRequest)>,
}

struct State {
    manner: Mutex<Manner>,
    seen: Mutex<Seen>,
    news: Notify,
    hang_up: Notify,
}

/// The peer, and what it saw.
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    state: Arc<State>,
    shutdown: Shutdown,
    door: JoinHandle<()>,
}

#[derive(Clone)]
struct Service(Arc<State>);

impl tower_service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move { Ok(answer(&state, request).await) })
    }
}

async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let manner = state.manner.lock().unwrap().clone();
    state.seen.lock().unwrap().streams += 1;
    state.news.notify_waiters();
    let headers = request.headers().clone();
    let mut messages = Messages::new(request.into_body(), 16 << 20);
    match manner {
        Manner::Refuse(status) => grpc::status_response(status),
        Manner::Stall => std::future::pending().await,
        Manner::Take | Manner::TakeAsGo | Manner::ReturnEarly => {
            while let Ok(Some(message)) = messages.next().await {
                let batch = v2::EnvelopeBatch::decode(message).unwrap();
                state.seen.lock().unwrap().envelopes.extend(batch.batch);
                state.news.notify_waiters();
                if matches!(manner, Manner::ReturnEarly) {
                    break;
                }
            }
            match manner {
                Manner::TakeAsGo => grpc::status_response(Status::unknown("EOF")),
                _ => grpc::ok_unary(Bytes::new()),
            }
        }
        Manner::Give(batches) => {
            let asked = messages.next().await.unwrap().unwrap();
            let asked = v2::EgressBatchRequest::decode(asked).unwrap();
            state.seen.lock().unwrap().requests.push((headers, asked));
            state.news.notify_waiters();
            give(state.clone(), batches)
        }
    }
}

fn give(state: Arc<State>, batches: Vec<v2::EnvelopeBatch>) -> Response<Body> {
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, Status>>(1);
    tokio::spawn(async move {
        for batch in batches {
            if sender.send(Ok(batch.encode_to_vec().into())).await.is_err() {
                return;
            }
        }
        state.hang_up.notified().await;
        let _ = sender.send(Err(Status::unavailable("going away"))).await;
    });
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    grpc::streaming_response(grpc::stream_body(stream))
}

/// A loopback address of its own for each peer: nobody else takes the port of one that
/// is down for a while.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let host = Ipv4Addr::new(127, 0, 77, NEXT.fetch_add(1, Ordering::Relaxed));
    SocketAddr::new(host.into(), 0)
}

/// Makes an authority, a server and a client as `logweir run` does.
pub(crate) fn certificates(dir: &Path) {
    let authority = Authority::ensure(dir).unwrap();
    for (file, names) in [
        ("server", &["metron", "reverselogproxy"][..]),
        ("client", &["client"][..]),
    ] {
        let pair = authority.issue(names, Duration::from_secs(3600)).unwrap();
        let path = |end: &str| dir.join(format!("{file}.{end}"));
        write_pair(&pair, &path("crt"), &path("key")).unwrap();
    }
}

impl Peer {
    /// Listens in plain text on a free port.
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::start_at(free_address(), manner).await
    }

    /// Listens in plain text at this address.
    pub(crate) async fn start_at(addr: SocketAddr, manner: Manner) -> Self {
        Self::serve(addr, None, manner).await
    }

    /// Listens with the certificates of a directory that `certificates` made.
    pub(crate) async fn start_tls(certs: &Path, manner: Manner) -> Self {
        let paths = TlsPaths {
            cert: certs.join("server.crt"),
            key: certs.join("server.key"),
            ca: certs.join("ca.crt"),
        };
        let tls = ServerTls::load(&paths, ClientAuth::Required, &[], Alpn::H2).unwrap();
        Self::serve(free_address(), Some(tls), manner).await
    }

    async fn serve(addr: SocketAddr, tls: Option<ServerTls>, manner: Manner) -> Self {
        let listener = listen::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            manner: Mutex::new(manner),
            seen: Mutex::default(),
            news: Notify::new(),
            hang_up: Notify::new(),
        });
        let shutdown = Shutdown::new();
        let service = Service(state.clone());
        let serve = listen::serve(
            listener,
            tls,
            HttpSettings::grpc(),
            service,
            shutdown.clone(),
        );
        let door = tokio::spawn(serve);
        Self {
            addr,
            state,
            shutdown,
            door,
        }
    }

    /// How to reach it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.addr.to_string(), "metron")
    }

    /// From the next stream on.
    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// Ends the open reader's stream with `Unavailable`.
    pub(crate) fn hang_up(&self) {
        self.state.hang_up.notify_one();
    }

    /// Breaks every connection, and stops listening.
    pub(crate) async fn die(self) {
        self.shutdown.abort.cancel();
        self.shutdown.finish(Duration::ZERO).await;
        self.door.await.unwrap();
    }

    /// All envelopes so far.
    pub(crate) fn envelopes(&self) -> Vec<v2::Envelope> {
        self.state.seen.lock().unwrap().envelopes.clone()
    }

    /// How many calls there were.
    pub(crate) fn streams(&self) -> usize {
        self.state.seen.lock().unwrap().streams
    }

    /// What readers asked for.
    pub(crate) fn requests(&self) -> Vec<(http::HeaderMap, v2::EgressBatchRequest)> {
        self.state.seen.lock().unwrap().requests.clone()
    }

    /// Waits until what the peer saw satisfies `wanted`.
    pub(crate) async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let mut news = std::pin::pin!(self.state.news.notified());
                news.as_mut().enable();
                if wanted(self) {
                    return;
                }
                news.await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "the peer saw {} envelopes",
            self.envelopes().len()
        );
    }
}
