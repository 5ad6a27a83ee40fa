//! The verbs of Logplex: channels, tokens, drains and sessions, credentials and control
//! rods.

pub mod channel;
pub mod cred;
pub(crate) mod drain;
pub mod logs;
pub mod rod;
pub mod session;
pub mod token;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    exit::Failure,
    front::{Answer, Front, Where, escaped},
};

/// Fields of Logplex's answers in which a refusal is told.
const WORDS: [&str; 1] = ["error"];

/// Logplex's APIs.
pub(crate) struct Api(Front);

impl Api {
    pub(crate) fn new(place: &Where) -> Result<Self, Failure> {
        Front::new(place).map(Self)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.0.ask(method, path, body).await?.json(&WORDS)
    }

    /// The same where success has no words.
    async fn done(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(), Failure> {
        self.answer(method, path, body).await?.done(&WORDS)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let answer = self.0.ask(method, path, body).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(Failure::new(
                "the server wants a credential that may do this: give --cred ID:PASSWORD, or for \
                 its operators --token; `logweir cred create` makes one",
            )),
            _ => Ok(answer),
        }
    }

    /// The path of a channel and its API: v2 knows numbers, v3 all other ids.
    fn channel(id: &str) -> Result<String, Failure> {
        if id.is_empty() {
            return Err(Failure::new(
                "a channel without an id; give the one it was made with",
            ));
        }
        let version = if is_number(id) { "v2" } else { "v3" };
        Ok(format!("/{version}/channels/{}", escaped(id)))
    }
}

fn is_number(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

/// An id that v1 gives as a number and v3 as text.
fn id(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Columns, each as wide as what is in it; the first line is their heads.
fn table<const N: usize>(lines: &[[String; N]]) -> String {
    /// Least spaces between two columns.
    const GAP: usize = 2;
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count() + GAP);
        }
    }
    let mut out = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(widths) {
            row.push_str(&format!("{cell:<width$}"));
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}
