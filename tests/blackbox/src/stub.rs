//! Servers of the platform that answer by a function, and remember what they were asked.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, StatusCode, Uri};
use logweir_net::{
    body::{self, Body},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use serde_json::Value;

use crate::certificates::{Authority, Validity};

/// A question.
pub(crate) struct Question {
    uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Question {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The value of a parameter, as it was sent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.uri.query()?.split('&');
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is answered.
pub(crate) enum Answer {
    /// This status and page.
    Page(StatusCode, Value),
    /// 200 and this text.
    Says(&'static str),
    /// Nothing, ever.
    Silence,
}

impl Answer {
    pub(crate) fn status(status: StatusCode) -> Self {
        Self::Page(status, Value::Null)
    }

    pub(crate) fn json(page: Value) -> Self {
        Self::Page(StatusCode::OK, page)
    }
}

/// A server. Dropping it closes its door.
pub(crate) struct Stub<State> {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    asked: Arc<Mutex<Vec<String>>>,
    shutdown: Shutdown,
}

impl<State: Default + Send + 'static> Stub<State> {
    /// Starts one that changes its state, or looks at it, as it answers.
    ///
    /// # Panics
    /// When the system refuses.
    pub(crate) async fn start(
        tls: Option<ServerTls>,
        answer: fn(&mut State, &Question) -> Answer,
    ) -> Self {
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
        let listener = listener.expect("a free port");
        let stub = Self {
            address: listener.local_addr().expect("an address"),
            state: Arc::default(),
            asked: Arc::default(),
            shutdown: Shutdown::new(),
        };
        let pages = Pages {
            state: Arc::clone(&stub.state),
            asked: Arc::clone(&stub.asked),
            answer,
        };
        let settings = HttpSettings::http();
        let shutdown = stub.shutdown.clone();
        tokio::spawn(listen::serve(listener, tls, settings, pages, shutdown));
        stub
    }
}

impl<State> Stub<State> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Path and query of each request so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl<State> Drop for Stub<State> {
    fn drop(&mut self) {
        self.shutdown.stop.cancel();
        self.shutdown.abort.cancel();
    }
}

/// The server's side of TLS, with a certificate for `name`.
///
/// # Panics
/// When the certificate cannot be used.
pub(crate) fn tls(authority: &Authority, name: &str, clients: ClientAuth) -> ServerTls {
    let identity = authority.issue(name, Validity::Now);
    let paths = TlsPaths {
        cert: identity.cert,
        key: identity.key,
        ca: authority.ca(),
    };
    ServerTls::load(&paths, clients, &[], Alpn::HttpAll).expect("certificates")
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Pages<State> {
    state: Arc<Mutex<State>>,
    asked: Arc<Mutex<Vec<String>>>,
    answer: fn(&mut State, &Question) -> Answer,
}

impl<State> Clone for Pages<State> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            asked: Arc::clone(&self.asked),
            answer: self.answer,
        }
    }
}

impl<State: Send + 'static, B> tower_service::Service<Request<B>> for Pages<State> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, _) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        let line = format!("{}?{query}", head.uri.path());
        lock(&self.asked).push(line);
        let question = Question {
            uri: head.uri,
            headers: head.headers,
        };
        let answer = (self.answer)(&mut lock(&self.state), &question);
        Box::pin(async move {
            let (status, body) = match answer {
                Answer::Page(status, page) => (status, body::full(page.to_string())),
                Answer::Says(text) => (StatusCode::OK, body::full(text)),
                Answer::Silence => return std::future::pending().await,
            };
            let mut response = Response::new(body);
            *response.status_mut() = status;
            Ok(response)
        })
    }
}
