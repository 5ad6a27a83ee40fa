//! A token server and a Cloud Controller that knows who sees what, over plain HTTP.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{StatusCode, header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use crate::stub::{Answer, Question, Stub};

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
}

/// The stub. Dropping it closes its door.
pub struct Platform {
    /// Its base URL.
    pub url: String,
    stub: Stub<State>,
}

impl Platform {
    /// Starts one whose tokens this key signs.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(signer: &Signer) -> Self {
        let stub = Stub::start(None, answer).await;
        let url = format!("http://{}", stub.address);
        let platform = Self { url, stub };
        platform.rotate(signer);
        platform
    }

    /// From now on this key alone signs tokens.
    pub fn rotate(&self, signer: &Signer) {
        self.stub.state().keys = vec![signer.listed()];
    }

    /// Lets the bearer of a token see an app.
    pub fn show(&self, token: &str, guid: &str, name: &str) {
        let bearer = format!("bearer {token}");
        let mut state = self.stub.state();
        let apps = state.apps.entry(bearer).or_default();
        apps.push((guid.into(), name.into()));
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.stub.asked()
    }
}

fn answer(state: &mut State, question: &Question) -> Answer {
    match page(state, question) {
        Some(page) => Answer::json(page),
        None => Answer::status(StatusCode::NOT_FOUND),
    }
}

fn page(state: &State, question: &Question) -> Option<Value> {
    let path = question.path();
    if path == "/token_keys" {
        return Some(json!({ "keys": state.keys }));
    }
    let bearer = question.headers.get(header::AUTHORIZATION)?;
    let none = Vec::new();
    let apps = state.apps.get(bearer.to_str().ok()?).unwrap_or(&none);
    let list = |apps: Vec<&(String, String)>| {
        let resources: Vec<_> = apps
            .into_iter()
            .map(|(guid, name)| json!({ "guid": guid, "name": name }))
            .collect();
        json!({ "pagination": { "next": null }, "resources": resources })
    };
    if path == "/v3/service_instances" {
        return Some(list(Vec::new()));
    }
    if path == "/v3/apps" {
        let names = question.parameter("names");
        let wanted = |name: &str| names.is_none_or(|names| names == name);
        return Some(list(apps.iter().filter(|app| wanted(&app.1)).collect()));
    }
    let guid = path.strip_prefix("/v3/apps/")?;
    let app = apps.iter().find(|app| app.0 == guid)?;
    Some(json!({ "guid": app.0 }))
}
