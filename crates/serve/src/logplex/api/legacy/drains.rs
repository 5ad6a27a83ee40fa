//! Drains of v2, and what is left of v1's.

use http::{Response, StatusCode};
use logweir_drain::logplex_url::LogplexUrl;
use logweir_net::body::Body;

use super::{Age, Answer, channels::drain_json};
use crate::logplex::{
    Logplex,
    api::{
        answer::{bare, error, html, json},
        json::{ascii, object, string},
        payload,
    },
    book::BookError,
    model::Drain,
};

/// `POST /channels/ID/drains/tokens`: a drain whose token is known before its URL is.
pub(super) async fn reserve(logplex: &Logplex, channel: &str) -> Answer {
    match logplex.book.reserve_drain(channel).await {
        Ok(drain) => {
            let made = object([
                ("id", drain.id.to_string()),
                ("token", string(&drain.token)),
                ("msg", string("Successfully reserved drain token")),
            ]);
            Ok(html(StatusCode::CREATED, made))
        }
        Err(BookError::NoChannel) => Err(Age::V1.no_channel()),
        Err(error) => Err(Age::V1.refused(&error)),
    }
}

/// `POST /v2/channels/ID/drains/DRAIN`: the URL of a reserved drain, or another one.
pub(super) async fn set(logplex: &Logplex, channel: &str, drain: &str, body: Body) -> Answer {
    let unknown = || error(StatusCode::NOT_FOUND, "Unknown drain.");
    // A number too large for any drain is an unknown drain.
    let id = drain.parse().map_err(|_| unknown())?;
    let there = logplex.book.drain(id).await;
    let there = there.filter(|drain| *drain.channel == *channel);
    let there = there.ok_or_else(unknown)?;
    let url = match url(body).await {
        Ok(url) => url,
        Err(answer) => {
            if there.url.is_none() && answer.status() == StatusCode::UNPROCESSABLE_ENTITY {
                // As at the peer: whoever reserved it begins again.
                let gone = logplex.book.delete_drain(channel, id).await;
                gone.map_err(|error| refused(&error))?;
            }
            return Err(answer);
        }
    };
    let set = logplex.book.set_drain(channel, id, &url).await;
    match set {
        Ok(drain) => Ok(made(&drain)),
        Err(BookError::NoChannel | BookError::NoDrain) => Err(unknown()),
        Err(error) => Err(refused(&error)),
    }
}

/// `POST /v2/channels/ID/drains`.
pub(super) async fn create(logplex: &Logplex, channel: &str, body: Body) -> Answer {
    let url = url(body).await?;
    let drain = logplex.book.add_drain(channel, &url).await;
    drain
        .map(|drain| made(&drain))
        .map_err(|error| refused(&error))
}

/// `DELETE /v2/channels/ID/drains/DRAIN`.
pub(super) async fn delete(logplex: &Logplex, channel: &str, drain: &str) -> Answer {
    let unknown = || error(StatusCode::NOT_FOUND, "Not found");
    let id = drain.parse().map_err(|_| unknown())?;
    match logplex.book.delete_drain(channel, id).await {
        Ok(()) => Ok(bare(StatusCode::OK)),
        Err(BookError::NoChannel | BookError::NoDrain) => Err(unknown()),
        Err(error) => Err(refused(&error)),
    }
}

async fn url(body: Body) -> Result<LogplexUrl, Response<Body>> {
    let bad = |bad| Age::V2.bad(bad);
    let body = payload::body(body).await.map_err(bad)?;
    let members = payload::object(&body).map_err(bad)?;
    payload::v2_drain(&members).map_err(|why| {
        let words = format!("Invalid drain destination: {why}");
        error(StatusCode::UNPROCESSABLE_ENTITY, &words)
    })
}

fn made(drain: &Drain) -> Response<Body> {
    let drain = drain_json(drain).unwrap_or_default();
    json(StatusCode::CREATED, ascii(&drain))
}

fn refused(refused: &BookError) -> Response<Body> {
    match refused {
        BookError::NoChannel => error(StatusCode::NOT_FOUND, "No such channel"),
        BookError::DrainExists => error(StatusCode::CONFLICT, "Already exists"),
        BookError::TooManyDrains => error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "You have already added the maximum number of drains allowed",
        ),
        refused => Age::V2.refused(refused),
    }
}
