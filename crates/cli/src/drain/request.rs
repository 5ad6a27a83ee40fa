//! Requests to `/api/drains`.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    exit::Failure,
    front::{Front, Where},
};

/// The drains of a running system.
pub(super) struct Drains(Front);

impl Drains {
    pub(super) fn new(place: &Where) -> Result<Self, Failure> {
        Front::new(place).map(Self)
    }

    /// The answer's JSON; a refusal is told in the server's words. `path` is below
    /// `/api/drains`; empty for that itself.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
        if !path.bytes().all(known) {
            return Err(Failure::new(format!(
                "`{path}` names no drain; `logweir drain list` names them"
            )));
        }
        let slash = if path.is_empty() { "" } else { "/" };
        let path = format!("/api/drains{slash}{path}");
        let answer = self.0.ask(method, &path, body).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(Failure::new(
                "drains are for those who may read everything: give --token",
            )),
            _ => answer.json(&["error"]),
        }
    }
}
