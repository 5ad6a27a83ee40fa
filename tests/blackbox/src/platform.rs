//! A token server and a Cloud Controller that knows who sees what, over plain HTTP.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Ready, ready},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode, header};
use logweir_net::{
    body::{self, Body},
    listen::{self, HttpSettings},
    shutdown::Shutdown,
};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

/// A key that signs tokens.
pub struct Signer {
    name: String,
    key: KeyPair,
}

impl Signer {
    /// A new one.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let name = name.to_owned();
        Self { name, key }
    }

    /// A token of these rights, for an hour of the year 3000.
    ///
    /// # Panics
    /// When the key does not sign.
    pub fn token(&self, scope: &str) -> String {
        let header = json!({ "alg": "RS256", "kid": self.name, "typ": "JWT" });
        let claims = json!({ "scope": [scope], "exp": 32_503_680_000_i64 });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn listed(&self) -> Value {
        let der = self.key.subject_public_key_info();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        json!({ "kid": self.name, "alg": "RS256", "value": pem })
    }
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    /// Guids and names of apps, by `Authorization` header.
    apps: BTreeMap<String, Vec<(String, String)>>,
    asked: Vec<String>,
}

/// The stub. Dropping it closes its door.
pub struct Platform {
    /// Its base URL.
    pub url: String,
    state: Arc<Mutex<State>>,
    shutdown: Shutdown,
}

impl Platform {
    /// Starts one whose tokens this key signs.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(signer: &Signer) -> Self {
        let listener = listen::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
        let listener = listener.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (state, shutdown) = (Arc::new(Mutex::new(State::default())), Shutdown::new());
        let settings = HttpSettings::http();
        let pages = Pages(Arc::clone(&state));
        tokio::spawn(listen::serve(
            listener,
            None,
            settings,
            pages,
            shutdown.clone(),
        ));
        let platform = Self {
            url,
            state,
            shutdown,
        };
        platform.rotate(signer);
        platform
    }

    /// From now on this key alone signs tokens.
    pub fn rotate(&self, signer: &Signer) {
        lock(&self.state).keys = vec![signer.listed()];
    }

    /// Lets the bearer of a token see an app.
    pub fn show(&self, token: &str, guid: &str, name: &str) {
        let bearer = format!("bearer {token}");
        let mut state = lock(&self.state);
        let apps = state.apps.entry(bearer).or_default();
        apps.push((guid.into(), name.into()));
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for Platform {
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
    fn answer<B>(&self, request: &Request<B>) -> Option<Value> {
        let (path, query) = (request.uri().path(), request.uri().query());
        let query = query.unwrap_or_default();
        let mut state = lock(&self.0);
        state.asked.push(format!("{path}?{query}"));
        if path == "/token_keys" {
            return Some(json!({ "keys": state.keys }));
        }
        let bearer = request.headers().get(header::AUTHORIZATION)?;
        let none = Vec::new();
        let apps = state.apps.get(bearer.to_str().ok()?).unwrap_or(&none);
        let page = |apps: Vec<&(String, String)>| {
            let resources: Vec<_> = apps
                .into_iter()
                .map(|(guid, name)| json!({ "guid": guid, "name": name }))
                .collect();
            json!({ "pagination": { "next": null }, "resources": resources })
        };
        if path == "/v3/service_instances" {
            return Some(page(Vec::new()));
        }
        if path == "/v3/apps" {
            let names = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("names="));
            let wanted = |name: &str| names.is_none_or(|names| names == name);
            return Some(page(apps.iter().filter(|app| wanted(&app.1)).collect()));
        }
        let guid = path.strip_prefix("/v3/apps/")?;
        let app = apps.iter().find(|app| app.0 == guid)?;
        Some(json!({ "guid": app.0 }))
    }
}

impl<B> tower_service::Service<Request<B>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.answer(&request);
        let mut response = Response::new(match &answer {
            Some(page) => body::full(page.to_string()),
            None => body::empty(),
        });
        if answer.is_none() {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        ready(Ok(response))
    }
}
