//! v1 and v2 (spec logplex §2.2): two ages of one API, so that an error is a text here and
//! JSON there.

mod channels;
mod drains;
mod route;
mod sessions;

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use logweir_net::body::Body;

use self::route::Route;
use super::{
    answer::{error, html, json, status_of},
    dispatch::booting,
    payload::Bad,
};
use crate::logplex::{Logplex, book::BookError, model::ApiStatus, tail::Fetch};

/// Answers one request.
pub(super) async fn answer(logplex: &Arc<Logplex>, request: Request<Body>) -> Response<Body> {
    let status = logplex.book.registry().rods().legacy_api;
    if status == ApiStatus::Disabled {
        let words = "Service Temporarily Disabled";
        return html(StatusCode::SERVICE_UNAVAILABLE, words);
    }
    if !logplex.book.is_loaded() {
        return booting();
    }
    let path = request.uri().path();
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let path = path.into_owned();
    let Some(route) = Route::of(request.method(), &path) else {
        return html(StatusCode::NOT_FOUND, "Not found");
    };
    if status == ApiStatus::ReadOnly && route.changes() {
        let words = "Logplex API temporarily in read-only mode";
        return html(StatusCode::SERVICE_UNAVAILABLE, words);
    }
    let (parts, body) = request.into_parts();
    if let Route::Fetch(id) = route {
        return logplex.tails.fetch(id, Fetch::Session, &parts).await;
    }
    if let Route::CanaryFetch(id) = route {
        return logplex.tails.fetch(id, Fetch::Canary, &parts).await;
    }
    let caller = logplex.access.caller(&parts.headers).await;
    let Some(caller) = caller.filter(|caller| caller.full_api()) else {
        return html(StatusCode::UNAUTHORIZED, "Not Authorized");
    };
    logplex.note(&caller, &parts);
    respond(logplex, route, body)
        .await
        .unwrap_or_else(|answer| answer)
}

/// An answer, for good or ill.
type Answer = Result<Response<Body>, Response<Body>>;

async fn respond(logplex: &Logplex, route: Route<'_>, body: Body) -> Answer {
    match route {
        Route::Healthcheck => health(logplex).await,
        Route::CreateChannel => channels::create(logplex, body).await,
        Route::Channel(id) => channels::show(logplex, id).await,
        Route::Info(id) => channels::info(logplex, id).await,
        Route::DeleteChannel(id, age) => channels::delete(logplex, id, age).await,
        Route::CreateToken(id, age) => channels::create_token(logplex, id, age, body).await,
        Route::CreateSession(kind) => sessions::create(logplex, kind, body).await,
        Route::ReserveDrain(id) => drains::reserve(logplex, id).await,
        Route::SetDrain(id, drain) => drains::set(logplex, id, drain, body).await,
        Route::CreateDrain(id) => drains::create(logplex, id, body).await,
        Route::DeleteDrain(id, drain) => drains::delete(logplex, id, drain).await,
        Route::Deprecated(words) => Ok(html(StatusCode::NOT_IMPLEMENTED, words)),
        // Answered above, without asking who calls.
        Route::Fetch(_) | Route::CanaryFetch(_) => Ok(html(StatusCode::NOT_FOUND, "Not found")),
    }
}

async fn health(logplex: &Logplex) -> Answer {
    if let Err(unhealthy) = logplex.book.healthcheck().await {
        let words = format!("Increment healthcheck counter failed: {unhealthy}");
        return Err(html(StatusCode::INTERNAL_SERVER_ERROR, words));
    }
    let status = logplex.book.registry().rods().legacy_api;
    let text = format!(r#"{{"status":"{}"}}"#, status.name());
    Ok(json(StatusCode::OK, text))
}

/// Which of the two an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    V1,
    V2,
}

impl Age {
    fn bad(self, Bad(status, words): Bad) -> Response<Body> {
        self.refusal(status, words)
    }

    fn refused(self, refused: &BookError) -> Response<Body> {
        self.refusal(status_of(refused), refused.to_string())
    }

    fn refusal(self, status: StatusCode, words: String) -> Response<Body> {
        match self {
            Self::V1 => html(status, words),
            Self::V2 => error(status, &words),
        }
    }

    fn no_channel(self) -> Response<Body> {
        match self {
            Self::V1 => html(StatusCode::NOT_FOUND, "Not found"),
            Self::V2 => error(StatusCode::NOT_FOUND, "Not Found"),
        }
    }
}
