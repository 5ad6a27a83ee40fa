//! Logplex's v1, v2 and v3, and `/api/logplex`. Tests are named after the behaviours of Logplex
//! that they check.

mod lifetimes;
mod operators;
mod v1_v2;
mod v2_drains;
mod v3_channels;
mod v3_drains;

use std::collections::BTreeMap;

use logweir_blackbox::logplex::{Answer, KEY, Logplex, request};
use serde_json::{Value, json};

/// Calls of v3 with the key and a body's type.
pub(crate) trait V3 {
    async fn v3(&self, method: &str, path: &str, body: &str) -> Answer;
    async fn v3_as(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> Answer;
}

impl V3 for Logplex {
    async fn v3(&self, method: &str, path: &str, body: &str) -> Answer {
        let key = format!("Basic {KEY}");
        self.v3_as(Some(&key), method, path, body).await
    }

    async fn v3_as(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(who.map(|who| ("Authorization", who)));
        request(&self.v3, method, path, &headers, body.as_bytes()).await
    }
}

pub(crate) fn tokens(answer: &Answer) -> BTreeMap<String, String> {
    let tokens = answer.json()["tokens"].clone();
    let tokens = tokens.as_object().cloned().unwrap_or_default();
    let text = |value: Value| value.as_str().expect("a token").to_owned();
    tokens
        .into_iter()
        .map(|(name, id)| (name, text(id)))
        .collect()
}

pub(crate) fn put_of(names: &[&str]) -> String {
    json!({ "tokens": names }).to_string()
}

/// `error` of an answer, which is JSON.
pub(crate) fn error(answer: &Answer) -> String {
    let json = "application/json";
    assert_eq!(answer.header("content-type"), Some(json), "{answer:?}");
    let error = answer.json()["error"].clone();
    error.as_str().expect("a reason").to_owned()
}

pub(crate) fn is_uuid(text: &str) -> bool {
    let dashes = text.match_indices('-').map(|(at, _)| at);
    let fits = |byte: u8| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    dashes.eq([8, 13, 18, 23]) && text.len() == 36 && text.bytes().all(fits)
}

pub(crate) fn is_token(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(is_uuid)
}

pub(crate) const CHANNEL: &str = "/v3/channels/app-1";
