//! A Cloud Controller that knows nothing but drains, over mutual TLS.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use logweir_net::{
    body::{self, Body},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use serde_json::{Value, json};

use crate::certificates::{Authority, Validity};

/// How it answers.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    /// With its list, page by page.
    #[default]
    Fine,
    /// With this status.
    Status(u16),
    /// With this body.
    Says(&'static str),
    /// Never.
    Silent,
}

#[derive(Default)]
struct State {
    mood: Mood,
    drains: Vec<Value>,
    asked: Vec<String>,
}

/// The stub. Dropping it closes its door.
pub struct Capi {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    shutdown: Shutdown,
}

/// A binding of one URL, without credentials, to these apps.
pub fn binding(url: &str, apps: &[&str]) -> Value {
    let apps: Vec<_> = apps
        .iter()
        .map(|app| json!({ "hostname": format!("org.space.{app}"), "app_id": app }))
        .collect();
    json!({ "url": url, "credentials": [{ "cert": "", "key": "", "ca": "", "apps": apps }] })
}

impl Capi {
    /// Starts one whose certificate is for `capi`.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(authority: &Authority) -> Self {
        let identity = authority.issue("capi", Validity::Now);
        let paths = TlsPaths {
            cert: identity.cert,
            key: identity.key,
            ca: authority.ca(),
        };
        let tls = ServerTls::load(&paths, ClientAuth::Required, &[], Alpn::HttpAll);
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shutdown = Shutdown::new();
        tokio::spawn(listen::serve(
            listener,
            Some(tls.expect("certificates")),
            HttpSettings::http(),
            Pages(Arc::clone(&state)),
            shutdown.clone(),
        ));
        Self {
            address,
            state,
            shutdown,
        }
    }

    /// Replaces its list.
    pub fn set(&self, drains: Vec<Value>) {
        lock(&self.state).drains = drains;
    }

    /// Changes how it answers.
    pub fn be(&self, mood: Mood) {
        lock(&self.state).mood = mood;
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for Capi {
    fn drop(&mut self) {
        self.shutdown.stop.cancel();
        self.shutdown.abort.cancel();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Pages(Arc<Mutex<State>>);

impl Pages {
    fn answer(&self, path: &str, query: &str) -> Option<Response<Body>> {
        let mut state = lock(&self.0);
        state.asked.push(format!("{path}?{query}"));
        let mut answer = Response::new(body::empty());
        if path != "/internal/v5/syslog_drain_urls" {
            *answer.status_mut() = StatusCode::NOT_FOUND;
            return Some(answer);
        }
        match state.mood {
            Mood::Silent => return None,
            Mood::Status(status) => {
                *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            }
            Mood::Says(text) => *answer.body_mut() = body::full(text),
            Mood::Fine => {
                let number = |name| {
                    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                    let found = pairs.find(|(own, _)| *own == name);
                    found.and_then(|(_, value)| value.parse::<usize>().ok())
                };
                let first = number("next_id").unwrap_or(0);
                let size = number("batch_size").unwrap_or(50);
                let drains = state.drains.iter().skip(first).take(size);
                let page: Vec<_> = drains.cloned().collect();
                let next = (!page.is_empty()).then_some(first + size);
                let page = json!({ "results": page, "next_id": next });
                *answer.body_mut() = body::full(page.to_string());
            }
        }
        Some(answer)
    }
}

impl<B> tower_service::Service<Request<B>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let uri = request.uri();
        let answer = self.answer(uri.path(), uri.query().unwrap_or_default());
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}
