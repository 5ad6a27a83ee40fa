//! A Cloud Controller that knows apps, and the token server for it, behind one HTTPS door.

use std::path::PathBuf;

use http::{StatusCode, header};
use logweir_net::tls::ClientAuth;
use serde_json::{Value, json};

use crate::{
    certificates::Authority,
    stub::{self, Answer, Question, Stub},
};

/// What a question must carry.
const TOKEN: &str = "bearer a-token-of-the-test";

/// What its settings name as client and secret, in base64: `weir:a-secret-of-the-test`.
const CLIENT: &str = "Basic d2VpcjphLXNlY3JldC1vZi10aGUtdGVzdA==";

#[derive(Default)]
struct State {
    down: bool,
    apps: Vec<(String, String)>,
}

/// The stub. Dropping it closes its door.
pub struct Cloud {
    ca: PathBuf,
    stub: Stub<State>,
}

impl Cloud {
    /// Starts one without apps.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(authority: &Authority) -> Self {
        let tls = stub::tls(authority, "cloud", ClientAuth::None);
        Self {
            ca: authority.ca(),
            stub: Stub::start(Some(tls), answer).await,
        }
    }

    /// The table of the settings that leads to it.
    pub fn settings(&self) -> String {
        let url = format!("https://{}", self.stub.address);
        format!(
            "[names]\napi = {url:?}\nuaa = {url:?}\nclient_id = \"weir\"\nclient_secret = \
             \"a-secret-of-the-test\"\nca = {:?}\npatience = \"5s\"\nabsent_ttl = \"1s\"\n",
            self.ca
        )
    }

    /// It knows this app from now on; it is in the space `dev` of the organization `acme`.
    pub fn app(&self, guid: &str, name: &str) {
        let mut state = self.stub.state();
        state.apps.push((guid.to_owned(), name.to_owned()));
    }

    /// Answers 500 to everything from now on, or answers again.
    pub fn fail(&self, down: bool) {
        self.stub.state().down = down;
    }

    /// Path and query of each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.stub.asked()
    }
}

fn answer(state: &mut State, question: &Question) -> Answer {
    if state.down {
        return Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let sent = question.headers.get(header::AUTHORIZATION);
    let carries = |wanted: &str| sent.is_some_and(|value| value == wanted);
    match question.path() {
        "/oauth/token" if carries(CLIENT) => {
            let token = TOKEN.trim_start_matches("bearer ");
            Answer::json(json!({ "access_token": token, "expires_in": 600 }))
        }
        "/v3/apps" if carries(TOKEN) => {
            let guids = question.parameter("guids");
            Answer::json(apps(&state.apps, guids.unwrap_or_default()))
        }
        "/v3/apps" | "/oauth/token" => Answer::status(StatusCode::UNAUTHORIZED),
        _ => Answer::status(StatusCode::NOT_FOUND),
    }
}

fn apps(known: &[(String, String)], guids: &str) -> Value {
    let guids: Vec<_> = guids.split(',').collect();
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
