//! `/api/logplex`: what Logplex's operators do in an Erlang shell. Guarded as `/api/drains`.
//!
//! | request | |
//! |---|---|
//! | `GET /api/logplex/creds` | every credential, without its secret |
//! | `POST /api/logplex/creds` | `{"id", "pass", "name", "grants"}`, all optional |
//! | `POST /api/logplex/creds/ID/grants` | `{"grants": [...]}`: these too |
//! | `DELETE /api/logplex/creds/ID/grants/GRANT` | that one no more |
//! | `DELETE /api/logplex/creds/ID` | removes it |
//! | `GET`, `PUT /api/logplex/rods` | the control rods; what is not named stays |
//! | `POST /api/logplex/rods/kill_tail_sessions` | ends every tail |
//! | `GET /api/logplex/channels?after=ID&limit=N` | channels by id |
//! | `GET`, `PUT /api/logplex/channels/ID` | one; `{"no_tail", "no_redis", "source"}` |
//! | `DELETE /api/logplex/channels/ID` | removes it |
//! | `DELETE /api/logplex/channels/ID/tokens/TOKEN` | removes one token |

mod channels;
mod creds;
mod rods;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use logweir_net::body::Body;
use serde_json::{Map, Value};

use super::{
    answer::{error, json, status_of, with},
    dispatch::booting,
    payload::{self, Bad},
};
use crate::{
    auth::Authorizer,
    logplex::{Logplex, access::Caller, book::BookError},
};

/// Where the pages are.
pub(super) const PATH: &str = "/api/logplex";

/// A value, or why there is none.
type Answer = Result<(StatusCode, Value), Bad>;

/// Answers one request.
pub(super) async fn answer(
    logplex: &Logplex,
    operators: Option<&Authorizer>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let who = match allowed(logplex, operators, &parts.headers).await {
        Ok(who) => who,
        Err(denied) => return denied,
    };
    if !logplex.book.is_loaded() {
        return booting();
    }
    let path = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let decoded = |part| {
        let part = percent_encoding::percent_decode_str(part);
        part.decode_utf8_lossy().into_owned()
    };
    let path: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query = parts.uri.query().unwrap_or_default();
    let answer = match members(who, &parts.method, &parts.headers, body).await {
        Ok(members) => respond(logplex, &parts.method, &path, query, &members).await,
        Err(bad) => Err(bad),
    };
    match answer {
        Ok((status, value)) => json(status, format!("{value}\n")),
        Err(Bad(status, words)) => error(status, &words),
    }
}

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Somebody with the key of the process.
    Key,
    /// An operator, who may be whoever is on this machine.
    Operator,
}

/// Those who may use `/api/drains` may, and whoever has the key of the process.
async fn allowed(
    logplex: &Logplex,
    operators: Option<&Authorizer>,
    headers: &HeaderMap,
) -> Result<Who, Response<Body>> {
    if let Some(Caller::Key) = logplex.access.caller(headers).await {
        return Ok(Who::Key);
    }
    let authorization = headers.get(header::AUTHORIZATION);
    let denial = match operators {
        Some(operators) => match operators.authorize(authorization, &[]).await {
            Ok(()) => return Ok(Who::Operator),
            Err(denial) => denial.to_string(),
        },
        None => "set auth.tokens, or call with logplex.auth_key".to_owned(),
    };
    let words = format!("this is for those who may read everything: {denial}");
    let answer = error(StatusCode::UNAUTHORIZED, &words);
    Err(with(answer, header::WWW_AUTHENTICATE, "Bearer"))
}

async fn members(
    who: Who,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, Bad> {
    if *method != Method::POST && *method != Method::PUT {
        return Ok(Map::new());
    }
    // A page in a browser can send forms to a door on loopback, but not JSON.
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if who != Who::Key && !kind.eq_ignore_ascii_case("application/json") {
        let words = "the content type application/json was expected";
        return Err(Bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, words.into()));
    }
    payload::object(&payload::body(body).await?)
}

async fn respond(
    logplex: &Logplex,
    method: &Method,
    path: &[&str],
    query: &str,
    members: &Map<String, Value>,
) -> Answer {
    match (method.as_str(), path) {
        ("GET", ["creds"]) => Ok(creds::list(logplex)),
        ("POST", ["creds"]) => creds::create(logplex, members).await,
        ("POST", ["creds", id, "grants"]) => creds::grant(logplex, id, members).await,
        ("DELETE", ["creds", id, "grants", grant]) => creds::revoke(logplex, id, grant).await,
        ("DELETE", ["creds", id]) => creds::remove(logplex, id).await,
        ("GET", ["rods"]) => Ok(rods::show(logplex)),
        ("PUT", ["rods"]) => rods::set(logplex, members).await,
        ("POST", ["rods", "kill_tail_sessions"]) => rods::kill_tails(logplex).await,
        ("GET", ["channels"]) => channels::list(logplex, query),
        ("GET", ["channels", id]) => channels::show(logplex, id).await,
        ("PUT", ["channels", id]) => channels::set(logplex, id, members).await,
        ("DELETE", ["channels", id]) => channels::remove(logplex, id).await,
        ("DELETE", ["channels", id, "tokens", token]) => {
            channels::remove_token(logplex, id, token).await
        }
        _ => Err(Bad(
            StatusCode::NOT_FOUND,
            "there is no such page, or not with this method".into(),
        )),
    }
}

fn refused(error: &BookError) -> Bad {
    Bad(status_of(error), error.to_string())
}
