//! A peer whose manners a test sets: takes envelopes, or stalls, or hangs up.
#![allow(dead_code, reason = "each test file uses its own part of the stub")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
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
    shutdown::Shutdown,
};
use prost::Message;
use tokio::sync::{Notify, mpsc};
use tonic::Status;

/// How the peer treats a stream.
#[derive(Clone, Debug)]
pub enum Manner {
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
pub struct Peer {
    pub addr: SocketAddr,
    state: Arc<State>,
    shutdown: Shutdown,
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

impl Peer {
    /// Listens in plain text on a free port.
    pub async fn start(manner: Manner) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), manner).await
    }

    /// Listens in plain text on this port.
    pub async fn start_at(addr: SocketAddr, manner: Manner) -> Self {
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
        let serve =
            listen::serve(listener, None, HttpSettings::grpc(), service, shutdown.clone());
        tokio::spawn(serve);
        Self { addr, state, shutdown }
    }

    /// How to reach it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.addr.to_string(), "metron")
    }

    /// From the next stream on.
    pub fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// Ends the open reader's stream with `Unavailable`.
    pub fn hang_up(&self) {
        self.state.hang_up.notify_one();
    }

    /// Breaks every connection, and stops listening.
    pub async fn die(self) {
        self.shutdown.abort.cancel();
        self.shutdown.finish(Duration::ZERO).await;
    }

    /// All envelopes so far.
    pub fn envelopes(&self) -> Vec<v2::Envelope> {
        self.state.seen.lock().unwrap().envelopes.clone()
    }

    /// How many calls there were.
    pub fn streams(&self) -> usize {
        self.state.seen.lock().unwrap().streams
    }

    /// What readers asked for.
    pub fn requests(&self) -> Vec<(http::HeaderMap, v2::EgressBatchRequest)> {
        self.state.seen.lock().unwrap().requests.clone()
    }

    /// Waits until what the peer saw satisfies `wanted`.
    pub async fn until(&self, wanted: impl Fn(&Self) -> bool) {
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
        assert!(waited.await.is_ok(), "the peer saw {} envelopes", self.envelopes().len());
    }
}
