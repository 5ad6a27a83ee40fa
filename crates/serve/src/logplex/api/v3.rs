//! v3 (spec logplex §2.3). What is wrong is told in the order in which the peer looks.

mod channels;
mod drains;
mod negotiate;
mod route;
mod sessions;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use logweir_net::body::Body;
use serde_json::{Map, Value};

use self::route::Route;
use super::{
    answer::{bare, error, status_of, with},
    dispatch::{booting, health},
    payload::{self, Bad},
};
use crate::logplex::{
    Logplex,
    access::Caller,
    book::BookError,
    ids,
    model::{ApiStatus, Rods},
    tail::Num,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Answers one request.
pub(super) async fn answer(logplex: &Arc<Logplex>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if path == "/v3/healthcheck" {
        return health(logplex);
    }
    let Some(route) = Route::of(&path) else {
        return error(StatusCode::NOT_FOUND, "no such resource");
    };
    let id = request_id(&request);
    let answer = respond(logplex, &route, request).await;
    let mut answer = answer.unwrap_or_else(|answer| answer);
    answer.headers_mut().insert(REQUEST_ID, id);
    answer
}

/// The caller's, or one that is made up.
fn request_id(request: &Request<Body>) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID).cloned();
    given.unwrap_or_else(|| {
        HeaderValue::try_from(ids::uuid()).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// An answer, for good or ill.
type Answer = Result<Response<Body>, Response<Body>>;

async fn respond(logplex: &Logplex, route: &Route, request: Request<Body>) -> Answer {
    let rods = logplex.book.registry().rods();
    if let Some(reason) = unavailable(&rods, route, request.method()) {
        return Err(error(StatusCode::SERVICE_UNAVAILABLE, reason));
    }
    if !logplex.book.is_loaded() {
        return Err(booting());
    }
    let (parts, body) = request.into_parts();
    if !route.allows(&parts.method) {
        return Err(not_allowed(route, &parts));
    }
    // A channel's body is read last, those of the others first.
    let early = match route.reads_early(&parts.method) {
        true => (Some(read(body).await?), None),
        false => (None, Some(body)),
    };
    let caller = logplex.access.caller(&parts.headers).await;
    let caller = caller.filter(Caller::full_api).ok_or_else(unauthorized)?;
    logplex.note(&caller, &parts);
    negotiate::check(route, &parts).map_err(bad)?;
    match (route, early) {
        (Route::Channel(id), (_, Some(body))) => match parts.method {
            http::Method::PUT => channels::put(logplex, id, body).await,
            http::Method::DELETE => channels::delete(logplex, id).await,
            _ => channels::show(logplex, id).await,
        },
        (Route::Tokens(id), (Some(read), _)) => {
            channels::add_token(logplex, id, &read.members).await
        }
        (Route::Drains(id), (Some(read), _)) => drains::add(logplex, id, &read.members).await,
        (Route::Drain(id, drain), (Some(read), _)) => {
            drains::set(logplex, id, *drain, &read.members).await
        }
        (Route::Drain(id, drain), _) => drains::delete(logplex, id, *drain).await,
        (Route::Sessions, (Some(read), _)) => sessions::create(logplex, read).await,
        (Route::Logs(id), _) => {
            let channel = logplex.book.channel(id).await.ok_or_else(no_channel)?;
            let num = Num::of_text(num(&parts));
            Ok(logplex
                .tails
                .channel_logs(&channel, num, parts.version)
                .await)
        }
        _ => Err(no_channel()),
    }
}

/// Why a route does not answer now.
fn unavailable(rods: &Rods, route: &Route, method: &http::Method) -> Option<&'static str> {
    match rods.api {
        ApiStatus::Disabled => Some("the API is disabled"),
        ApiStatus::ReadOnly if method != http::Method::GET => Some("the API is read-only"),
        _ if rods.deny_tail_sessions && *route == Route::Sessions => {
            Some("tail sessions are disabled")
        }
        _ => None,
    }
}

fn not_allowed(route: &Route, parts: &Parts) -> Response<Body> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if !known.contains(&parts.method.as_str()) {
        return bare(StatusCode::NOT_IMPLEMENTED);
    }
    let answer = bare(StatusCode::METHOD_NOT_ALLOWED);
    with(answer, header::ALLOW, route.methods())
}

fn unauthorized() -> Response<Body> {
    let answer = bare(StatusCode::UNAUTHORIZED);
    with(answer, header::WWW_AUTHENTICATE, "Basic realm=Logplex")
}

/// A body that is a JSON object.
struct Read {
    /// As it came: a member may be there twice, and both count.
    bytes: Bytes,
    members: Map<String, Value>,
}

async fn read(body: Body) -> Result<Read, Response<Body>> {
    let bytes = payload::body(body).await.map_err(bad)?;
    let members = payload::object(&bytes).map_err(bad)?;
    Ok(Read { bytes, members })
}

fn bad(Bad(status, words): Bad) -> Response<Body> {
    error(status, &words)
}

fn no_channel() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "channel not found")
}

/// What the book refused.
fn refused(refused: &BookError) -> Response<Body> {
    match refused {
        BookError::NoChannel => no_channel(),
        BookError::NoDrain => error(StatusCode::NOT_FOUND, "drain not found"),
        BookError::DrainExists => error(StatusCode::CONFLICT, "already exists"),
        BookError::TooManyDrains => error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "maximum number of drains reached",
        ),
        refused => error(status_of(refused), &refused.to_string()),
    }
}

/// The parameter `num`, the first if there are several.
fn num(parts: &Parts) -> Option<&str> {
    let mut pairs = parts.uri.query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("num="))
}
