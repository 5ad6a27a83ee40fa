//! A Cloud Controller that knows apps, and the token server for it, behind one HTTPS door.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, StatusCode, header};
use logweir_net::{
    body::{self, Body},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use serde_json::{Value, json};

use crate::certificates::{Authority, Validity};

/// What a question must carry.
const TOKEN: &str = "bearer a-token-of-the-test";

/// What its settings name as client and secret, in base64: `weir:a-secret-of-the-test`.
const CLIENT: &str = "Basic d2VpcjphLXNlY3JldC1vZi10aGUtdGVzdA==";

#[derive(Default)]
struct State {
    down: bool,
    apps: Vec<(String, String)>,
    asked: Vec<String>,
}

/// The stub. Dropping it closes its door.
pub struct Cloud {
    /// Where it listens.
    pub address: SocketAddr,
    ca: PathBuf,
    state: Arc<Mutex<State>>,
    shutdown: Shutdown,
}

impl Cloud {
    /// Starts one without apps.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(authority: &Authority) -> Self {
        let identity = authority.issue("cloud", Validity::Now);
        let paths = TlsPaths {
            cert: identity.cert,
            key: identity.key,
            ca: authority.ca(),
        };
        let tls = ServerTls::load(&paths, ClientAuth::None, &[], Alpn::HttpAll);
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
            ca: authority.ca(),
            state,
            shutdown,
        }
    }

    /// The table of the settings that leads to it.
    pub fn settings(&self) -> String {
        let url = format!("https://{}", self.address);
        format!(
            "[names]\napi = {url:?}\nuaa = {url:?}\nclient_id = \"weir\"\nclient_secret = \
             \"a-secret-of-the-test\"\nca = {:?}\npatience = \"5s\"\nabsent_ttl = \"1s\"\n",
            self.ca
        )
    }

    /// It knows this app from now on; it is in the space `dev` of the organization `acme`.
    pub fn app(&self, guid: &str, name: &str) {
        let mut state = lock(&self.state);
        state.apps.push((guid.to_owned(), name.to_owned()));
    }

    /// Answers 500 to everything from now on, or answers again.
    pub fn fail(&self, down: bool) {
        lock(&self.state).down = down;
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for Cloud {
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
    fn answer(&self, path: &str, query: &str, headers: &HeaderMap) -> (StatusCode, Value) {
        let mut state = lock(&self.0);
        state.asked.push(format!("{path}?{query}"));
        if state.down {
            return (StatusCode::INTERNAL_SERVER_ERROR, Value::Null);
        }
        let sent = headers.get(header::AUTHORIZATION);
        let carries = |wanted: &str| sent.is_some_and(|value| value == wanted);
        match path {
            "/oauth/token" if carries(CLIENT) => {
                let token = TOKEN.trim_start_matches("bearer ");
                let token = json!({ "access_token": token, "expires_in": 600 });
                (StatusCode::OK, token)
            }
            "/v3/apps" if carries(TOKEN) => (StatusCode::OK, apps(&state.apps, query)),
            "/v3/apps" | "/oauth/token" => (StatusCode::UNAUTHORIZED, Value::Null),
            _ => (StatusCode::NOT_FOUND, Value::Null),
        }
    }
}

fn apps(known: &[(String, String)], query: &str) -> Value {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let guids = pairs.find_map(|(name, value)| (name == "guids").then_some(value));
    let guids: Vec<_> = guids.unwrap_or_default().split(',').collect();
    let found = known
        .iter()
        .filter(|(guid, _)| guids.contains(&guid.as_str()));
    let space = json!({ "space": { "data": { "guid": "space-1" } } });
    let found =
        found.map(|(guid, name)| json!({ "guid": guid, "name": name, "relationships": space }));
    let organization = json!({ "organization": { "data": { "guid": "org-1" } } });
    json!({
        "pagination": { "next": null },
        "resources": found.collect::<Vec<_>>(),
        "included": {
            "spaces": [{ "guid": "space-1", "name": "dev", "relationships": organization }],
            "organizations": [{ "guid": "org-1", "name": "acme" }],
        },
    })
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
        let query = uri.query().unwrap_or_default();
        let (status, page) = self.answer(uri.path(), query, request.headers());
        let mut answer = Response::new(body::full(page.to_string()));
        *answer.status_mut() = status;
        Box::pin(async move { Ok(answer) })
    }
}
