//! Sessions of v1 and v2, and canary sessions.

use http::StatusCode;
use logweir_net::body::Body;

use super::{Age, Answer};
use crate::logplex::{
    Logplex,
    api::{
        answer::{html, json},
        json::{ascii, object, string},
        payload,
    },
};

/// Which session is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    V1,
    V2,
    Canary,
}

/// `POST /sessions`, `/v2/sessions`, `/v2/canary-sessions`: what it reads is looked at when
/// it is fetched.
pub(super) async fn create(logplex: &Logplex, kind: Kind, body: Body) -> Answer {
    let age = match kind {
        Kind::V1 => Age::V1,
        Kind::V2 | Kind::Canary => Age::V2,
    };
    let body = payload::session(body).await.map_err(|bad| age.bad(bad))?;
    let session = logplex.book.create_session(body).await;
    let session = session.map_err(|error| age.refused(&error))?;
    let url = match kind {
        Kind::V1 | Kind::V2 => format!("{}/sessions/{}", logplex.urls.api(), session.id),
        Kind::Canary => format!("/v2/canary-fetch/{}", session.id),
    };
    Ok(match kind {
        Kind::V1 => html(StatusCode::CREATED, url),
        Kind::V2 | Kind::Canary => {
            let made = object([("url", string(&url))]);
            json(StatusCode::CREATED, ascii(&made))
        }
    })
}
