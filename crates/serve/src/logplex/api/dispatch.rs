//! Which part answers a request, by the door that it came to.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use logweir_net::body::Body;

use super::{admin, answer::html, legacy, v3};
use crate::{
    auth::Authorizer,
    front::answer::not_found,
    logplex::{Door, Logplex, input},
};

/// Answers one request.
pub(in crate::logplex) async fn answer(
    logplex: &Arc<Logplex>,
    door: Door,
    operators: Option<&Authorizer>,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path();
    let changes = request.method() != Method::GET;
    let drains = changes && (path.contains("/drains") || path.ends_with("/rods"));
    let answer = by_door(logplex, door, operators, request).await;
    // A line that comes after the answer finds the drain.
    if drains
        && answer.status().is_success()
        && let Some(running) = logplex.drains.get()
    {
        running.settled().await;
    }
    answer
}

async fn by_door(
    logplex: &Arc<Logplex>,
    door: Door,
    operators: Option<&Authorizer>,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path();
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The authorizer is of these doors: whether an open one is on loopback.
    if matches!(door, Door::Legacy | Door::Front) && below(admin::PATH) {
        return admin::answer(logplex, operators, request).await;
    }
    let part = match door {
        Door::Front if below("/v3") => Door::V3,
        Door::Front if below("/logs") => Door::Input,
        Door::Front => Door::Legacy,
        door => door,
    };
    match part {
        Door::V3 => v3::answer(logplex, request).await,
        Door::Input => match path {
            "/healthcheck" => health(logplex),
            "/logs" | "/logs/" => input::post::answer(logplex, request).await,
            _ => not_found(),
        },
        Door::Legacy | Door::Front => legacy::answer(logplex, request).await,
    }
}

/// Health as 8002 and 8601 tell it.
pub(super) fn health(logplex: &Logplex) -> Response<Body> {
    match logplex.book.is_loaded() {
        true => html(StatusCode::OK, "OK"),
        false => booting(),
    }
}

/// Nobody knows yet what channels there are.
pub(super) fn booting() -> Response<Body> {
    html(StatusCode::SERVICE_UNAVAILABLE, "SYSTEM BOOTING")
}
