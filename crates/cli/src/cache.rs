//! Questions to a log cache over HTTP.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::{
    exit::{self, Failure},
    front::{Answer, Front, Where},
};

/// A log cache that is asked again and again.
pub(crate) struct LogCache(Front);

impl LogCache {
    pub(crate) fn new(place: &Where) -> Result<Self, Failure> {
        Front::new(place).map(Self)
    }

    /// The JSON of a page below `/api/v1/`. A refusal is told in the server's words.
    pub(crate) async fn get(&self, page: &str) -> Result<Value, Failure> {
        let page = format!("/api/v1/{page}");
        told(self.0.ask(Method::GET, &page, None).await?)
    }

    /// The JSON of a page of PromQL: as Prometheus answers it, or, where that is not known,
    /// as every log cache does.
    pub(crate) async fn query(&self, page: &str) -> Result<Value, Failure> {
        let modern = format!("/prometheus/api/v1/{page}");
        let answer = self.0.ask(Method::GET, &modern, None).await?;
        if answer.status != StatusCode::NOT_FOUND {
            return told(answer);
        }
        let json = self.get(page).await?;
        exit::say("the server knows no /prometheus: it answers as Prometheus 2.13 did");
        Ok(json)
    }
}

fn told(answer: Answer) -> Result<Value, Failure> {
    match answer.status {
        StatusCode::UNAUTHORIZED => Err(Failure::new("the server wants a token: give --token")),
        StatusCode::NOT_FOUND => Err(Failure::new(
            "the server shows nothing of this, or not to this token",
        )),
        // Queries are refused as Prometheus refuses them.
        _ => answer.json(&["message", "error"]),
    }
}
