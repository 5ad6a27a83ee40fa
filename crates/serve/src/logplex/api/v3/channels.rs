//! Channels and tokens of v3.

use std::sync::Arc;

use http::StatusCode;
use logweir_net::body::Body;
use serde_json::{Map, Value};

use super::{Answer, bad, no_channel, refused};
use crate::logplex::{
    Logplex,
    api::{
        answer::{bare, error, json},
        json::{array, object, string},
        payload,
    },
    book::BookError,
    model::{Drain, Token},
};

/// `PUT /v3/channels/ID`: tokens of these names and no others.
pub(super) async fn put(logplex: &Logplex, id: &str, body: Body) -> Answer {
    let body = payload::body(body).await.map_err(bad)?;
    let Value::Object(members) = payload::json(&body).map_err(bad)? else {
        return Err(error(StatusCode::BAD_REQUEST, "invalid payload"));
    };
    let names = payload::token_names(&members).map_err(bad)?;
    let source = payload::source(&members).map_err(bad)?;
    let put = logplex
        .book
        .put_channel(id, names.into_iter().collect(), source);
    let whole = put.await.map_err(|error| refused(&error))?;
    let status = match whole.new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let shown = channel_json(&whole.channel.id, &whole.tokens, &whole.drains);
    Ok(json(status, shown))
}

/// `GET /v3/channels/ID`.
pub(super) async fn show(logplex: &Logplex, id: &str) -> Answer {
    let channel = logplex.book.channel(id).await.ok_or_else(no_channel)?;
    let registry = logplex.book.registry();
    let (tokens, drains) = (registry.tokens_of(id), registry.drains_of(id));
    let shown = channel_json(&channel.id, &tokens, &drains);
    Ok(json(StatusCode::OK, shown))
}

/// Lists that are empty are left out, as are drains without a URL.
fn channel_json(id: &str, tokens: &[Arc<Token>], drains: &[Arc<Drain>]) -> String {
    let mut members = vec![("channel", string(id))];
    if !tokens.is_empty() {
        let tokens = tokens.iter().map(|one| (&*one.name, string(&one.id)));
        members.push(("tokens", object(tokens)));
    }
    let drains = drains.iter().filter(|drain| drain.url.is_some());
    let drains: Vec<_> = drains.map(|drain| drain_json(drain)).collect();
    if !drains.is_empty() {
        members.push(("drains", array(drains)));
    }
    object(members)
}

/// A drain, with its URL if it has one.
pub(super) fn drain_json(drain: &Drain) -> String {
    let mut members = vec![
        ("id", drain.id.to_string()),
        ("token", string(&drain.token)),
    ];
    members.extend(drain.url.as_ref().map(|url| ("url", string(url))));
    object(members)
}

/// `DELETE /v3/channels/ID`.
pub(super) async fn delete(logplex: &Logplex, id: &str) -> Answer {
    let deleted = logplex.book.delete_channel(id).await;
    deleted.map_err(|error| refused(&error))?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// `POST /v3/channels/ID/tokens`.
pub(super) async fn add_token(logplex: &Logplex, id: &str, members: &Map<String, Value>) -> Answer {
    let Some(Value::String(name)) = members.get("name") else {
        let words = "a token has a \"name\", which is a string";
        return Err(error(StatusCode::BAD_REQUEST, words));
    };
    let name = payload::token_name(name).map_err(bad)?;
    match logplex.book.add_token(id, &name).await {
        Ok(token) => {
            let (id, name) = (string(&token.id), string(&token.name));
            let made = object([("token", id), ("name", name)]);
            Ok(json(StatusCode::OK, made))
        }
        Err(BookError::NoChannel) => Err(no_channel()),
        Err(error) => Err(refused(&error)),
    }
}
