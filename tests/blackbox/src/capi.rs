//! A Cloud Controller that knows nothing but drains, over mutual TLS.

use std::net::SocketAddr;

use http::StatusCode;
use logweir_net::tls::ClientAuth;
use serde_json::{Value, json};

use crate::{
    certificates::Authority,
    stub::{self, Answer, Question, Stub},
};

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
}

/// The stub. Dropping it closes its door.
pub struct Capi {
    /// Where it listens.
    pub address: SocketAddr,
    stub: Stub<State>,
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
        let tls = stub::tls(authority, "capi", ClientAuth::Required);
        let stub = Stub::start(Some(tls), answer).await;
        Self {
            address: stub.address,
            stub,
        }
    }

    /// Replaces its list.
    pub fn set(&self, drains: Vec<Value>) {
        self.stub.state().drains = drains;
    }

    /// Changes how it answers.
    pub fn be(&self, mood: Mood) {
        self.stub.state().mood = mood;
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.stub.asked()
    }
}

fn answer(state: &mut State, question: &Question) -> Answer {
    if question.path() != "/internal/v5/syslog_drain_urls" {
        return Answer::status(StatusCode::NOT_FOUND);
    }
    match state.mood {
        Mood::Silent => Answer::Silence,
        Mood::Status(status) => Answer::status(StatusCode::from_u16(status).expect("a status")),
        Mood::Says(text) => Answer::Says(text),
        Mood::Fine => {
            let number = |name| question.parameter(name)?.parse::<usize>().ok();
            let first = number("next_id").unwrap_or(0);
            let size = number("batch_size").unwrap_or(50);
            let page: Vec<_> = state.drains.iter().skip(first).take(size).collect();
            let next = (!page.is_empty()).then_some(first + size);
            Answer::json(json!({ "results": page, "next_id": next }))
        }
    }
}
