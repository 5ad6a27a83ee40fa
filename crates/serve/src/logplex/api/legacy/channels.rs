//! Channels and tokens of v1 and v2.

use std::sync::Arc;

use http::{Response, StatusCode};
use logweir_net::body::Body;
use serde_json::Value;

use super::{Age, Answer};
use crate::logplex::{
    Logplex,
    api::{
        answer::{bare, html, json},
        json::{array, ascii, channel_id, object, string},
        payload::{self, Bad},
    },
    book::BookError,
    model::{Channel, Drain, Token},
};

/// `POST /channels`.
pub(super) async fn create(logplex: &Logplex, body: Body) -> Answer {
    let bad = |bad| Age::V1.bad(bad);
    let body = payload::body(body).await.map_err(bad)?;
    let members = payload::object(&body).map_err(bad)?;
    let name = match members.get("name") {
        None => "",
        Some(Value::String(name)) => name,
        Some(_) => return Err(bad(Bad::request("Channel name must be a string."))),
    };
    let tokens = payload::token_names(&members).map_err(bad)?;
    let source = payload::source(&members).map_err(bad)?;
    let source = source.filter(|source| !source.is_empty());
    let created = logplex.book.create_channel(name, source, tokens).await;
    let (channel, tokens) = created.map_err(|error| Age::V1.refused(&error))?;
    let made = object([
        ("channel_id", channel_id(&channel.id)),
        ("tokens", names(&tokens)),
    ]);
    Ok(json(StatusCode::CREATED, ascii(&made)))
}

/// Names and ids; an array if there are none.
fn names(tokens: &[Arc<Token>]) -> String {
    match tokens.is_empty() {
        true => "[]".to_owned(),
        false => object(tokens.iter().map(|one| (&*one.name, string(&one.id)))),
    }
}

async fn find(logplex: &Logplex, id: &str, age: Age) -> Result<Arc<Channel>, Response<Body>> {
    let channel = logplex.book.channel(id).await;
    channel.ok_or_else(|| age.no_channel())
}

/// `GET /v2/channels/ID`.
pub(super) async fn show(logplex: &Logplex, id: &str) -> Answer {
    let channel = find(logplex, id, Age::V2).await?;
    let registry = logplex.book.registry();
    let tokens = registry.tokens_of(&channel.id);
    let tokens = tokens.iter().map(|token| {
        let (name, token) = (string(&token.name), string(&token.id));
        object([("name", name), ("token", token)])
    });
    let drains = registry.drains_of(&channel.id);
    let drains = drains.iter().filter_map(|drain| drain_json(drain));
    let shown = object([
        ("channel_id", channel_id(&channel.id)),
        ("tokens", array(tokens)),
        ("drains", array(drains)),
    ]);
    Ok(json(StatusCode::OK, ascii(&shown)))
}

/// A drain with its URL; none if it has none yet.
pub(super) fn drain_json(drain: &Drain) -> Option<String> {
    let url = drain.url.as_ref()?;
    Some(object([
        ("id", drain.id.to_string()),
        ("token", string(&drain.token)),
        ("url", string(url)),
    ]))
}

/// `GET /channels/ID/info`.
pub(super) async fn info(logplex: &Logplex, id: &str) -> Answer {
    let channel = find(logplex, id, Age::V1).await?;
    let registry = logplex.book.registry();
    let tokens = registry.tokens_of(&channel.id);
    let drains = registry.drains_of(&channel.id);
    let mut urls: Vec<_> = drains.iter().filter_map(|one| one.url.clone()).collect();
    urls.sort();
    let shown = object([
        ("channel_id", channel_id(&channel.id)),
        ("tokens", names(&tokens)),
        ("drains", array(urls.iter().map(|url| string(url)))),
    ]);
    Ok(html(StatusCode::OK, ascii(&shown)))
}

/// `DELETE /channels/ID` and `/v2/channels/ID`.
pub(super) async fn delete(logplex: &Logplex, id: &str, age: Age) -> Answer {
    match logplex.book.delete_channel(id).await {
        Ok(()) if age == Age::V1 => Ok(html(StatusCode::OK, "OK")),
        Ok(()) => Ok(bare(StatusCode::OK)),
        Err(BookError::NoChannel) => Err(age.no_channel()),
        Err(error) => Err(age.refused(&error)),
    }
}

/// `POST /channels/ID/token` and `/v2/channels/ID/tokens`.
pub(super) async fn create_token(logplex: &Logplex, id: &str, age: Age, body: Body) -> Answer {
    let bad = |bad| age.bad(bad);
    let body = payload::body(body).await.map_err(bad)?;
    let members = payload::object(&body).map_err(bad)?;
    let name = members.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| no_name(age))?;
    let name = payload::token_name(name).map_err(bad)?;
    match logplex.book.add_token(id, &name).await {
        Ok(token) if age == Age::V1 => Ok(html(StatusCode::CREATED, token.id.to_string())),
        Ok(token) => {
            let (name, id) = (string(&token.name), string(&token.id));
            let made = object([("name", name), ("token", id)]);
            Ok(json(StatusCode::CREATED, ascii(&made)))
        }
        Err(BookError::NoChannel) => Err(age.no_channel()),
        Err(error) => Err(age.refused(&error)),
    }
}

fn no_name(age: Age) -> Response<Body> {
    match age {
        Age::V1 => html(StatusCode::BAD_REQUEST, "'name' post param missing"),
        // The peer calls it HTML, and whoever reads it as JSON is right.
        Age::V2 => html(
            StatusCode::UNPROCESSABLE_ENTITY,
            r#"{"error":"NAME is a required field"}"#,
        ),
    }
}
