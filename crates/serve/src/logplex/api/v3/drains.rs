//! Drains of v3.

use http::{StatusCode, header};
use logweir_drain::logplex_url::{self, LogplexUrl, Why};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{Answer, bad, channels::drain_json, refused};
use crate::logplex::{
    Logplex,
    api::{
        answer::{bare, error, json, with},
        payload::Bad,
    },
};

/// What an id is written with in a path.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// `POST /v3/channels/ID/drains`: reserved, if there is no URL.
pub(super) async fn add(logplex: &Logplex, id: &str, members: &Map<String, Value>) -> Answer {
    let url = url(members).map_err(bad)?;
    let added = match url {
        Some(url) => logplex.book.add_drain(id, &url).await,
        None => logplex.book.reserve_drain(id).await,
    };
    let drain = added.map_err(|error| refused(&error))?;
    let segment = utf8_percent_encode(id, &SEGMENT);
    let base = logplex.urls.v3();
    let location = format!("{base}/v3/channels/{segment}/drains/{}", drain.id);
    let answer = json(StatusCode::CREATED, drain_json(&drain));
    Ok(with(answer, header::LOCATION, &location))
}

/// `PUT /v3/channels/ID/drains/DRAIN`.
pub(super) async fn set(
    logplex: &Logplex,
    id: &str,
    drain: u64,
    members: &Map<String, Value>,
) -> Answer {
    let Some(url) = url(members).map_err(bad)? else {
        let words = "a drain has a \"url\", which is a string";
        return Err(error(StatusCode::BAD_REQUEST, words));
    };
    let set = logplex.book.set_drain(id, drain, &url).await;
    let drain = set.map_err(|error| refused(&error))?;
    Ok(json(StatusCode::OK, drain_json(&drain)))
}

/// `DELETE /v3/channels/ID/drains/DRAIN`.
pub(super) async fn delete(logplex: &Logplex, id: &str, drain: u64) -> Answer {
    let deleted = logplex.book.delete_drain(id, drain).await;
    deleted.map_err(|error| refused(&error))?;
    Ok(bare(StatusCode::NO_CONTENT))
}

/// The URL, if there is one: what is none is a bad request, and one that no drain can have
/// is understood and refused.
fn url(members: &Map<String, Value>) -> Result<Option<LogplexUrl>, Bad> {
    let url = match members.get("url") {
        None => return Ok(None),
        Some(Value::String(url)) => url,
        Some(_) => {
            let words = "the \"url\" of a drain must be a string";
            return Err(Bad::request(words));
        }
    };
    logplex_url::check(url).map(Some).map_err(|why| {
        let status = match why {
            Why::Uri | Why::Url => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Bad(status, format!("invalid drain url: {why}"))
    })
}
