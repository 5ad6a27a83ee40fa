//! Sessions of v3.

use http::{StatusCode, header};
use serde_json::Value;

use super::{Answer, Read, bad, refused};
use crate::logplex::{
    Logplex,
    api::{
        answer::{error, json, with},
        json::{object, string},
        payload,
    },
};

/// `POST /v3/sessions`: its channel must be there.
pub(super) async fn create(logplex: &Logplex, read: Read) -> Answer {
    let Some(Value::String(channel)) = read.members.get("channel_id") else {
        let words = "a session has a \"channel_id\", which is a string";
        return Err(error(StatusCode::BAD_REQUEST, words));
    };
    if logplex.book.channel(channel).await.is_none() {
        let words = "channel not found";
        return Err(error(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    payload::fits_session(&read.bytes).map_err(bad)?;
    let session = logplex.book.create_session(read.bytes).await;
    let session = session.map_err(|error| refused(&error))?;
    let url = format!("{}/sessions/{}", logplex.urls.api(), session.id);
    let answer = json(StatusCode::CREATED, object([("url", string(&url))]));
    Ok(with(answer, header::LOCATION, &url))
}
