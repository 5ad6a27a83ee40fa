//! `/api/drains`: which drains there are and how they do, and adding, trying and removing
//! them. Credentials go in and never come out.
//!
//! | request | |
//! |---|---|
//! | `GET /api/drains` | every drain |
//! | `POST /api/drains` | adds one: a [`Definition`] as JSON |
//! | `POST /api/drains/test` | tries one out that is not there |
//! | `GET /api/drains/ID` | one drain |
//! | `POST /api/drains/ID/test` | tries it out |
//! | `POST /api/drains/ID/replay` | delivers again what its receiver refused for good |
//! | `DELETE /api/drains/ID` | removes it, if it was added here |

use std::{path::Path, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use logweir_drain::{Drain, Exit, url::UrlDefaults};
use logweir_net::body::{self, Body};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Definition, Drains, Origin, store::Store, trial, view};
use crate::{
    auth::{Authorizer, Denial},
    context::StartError,
    front::answer::{method_not_allowed, not_found},
};

/// Where the pages are.
const PATH: &str = "/api/drains";

/// Largest request in bytes: certificates, a key and authorities.
const REQUEST: usize = 1 << 20;

/// Most drains that can be added.
const MOST: usize = 10_000;

/// The pages. Clones are the same.
#[derive(Clone)]
pub struct DrainsApi(Arc<Inner>);

struct Inner {
    drains: Arc<Drains>,
    authorizer: Arc<Authorizer>,
    defaults: UrlDefaults,
    added: Mutex<Added>,
}

/// The drains that were added, by the order in which they were.
struct Added {
    store: Arc<Store>,
    definitions: Vec<Definition>,
}

/// An answer with a status that is not 200.
struct Refusal(StatusCode, String);

impl DrainsApi {
    /// Takes up the drains that were kept in `directory`.
    ///
    /// # Errors
    /// A file of drains that cannot be read, or a drain in it that is none any more.
    pub(crate) fn open(
        drains: &Arc<Drains>,
        authorizer: &Arc<Authorizer>,
        defaults: UrlDefaults,
        directory: &Path,
    ) -> Result<Self, StartError> {
        let (store, definitions) = Store::open(directory).map_err(StartError::Setting)?;
        let made = definitions.iter().map(|one| one.drain(&defaults));
        let made = made.collect::<Result<Vec<_>, _>>();
        let made = made.map_err(|error| StartError::Setting(format!("drains.json: {error}")))?;
        drains.set(Origin::Added, made);
        Ok(Self(Arc::new(Inner {
            drains: Arc::clone(drains),
            authorizer: Arc::clone(authorizer),
            defaults,
            added: Mutex::new(Added {
                store: Arc::new(store),
                definitions,
            }),
        })))
    }

    /// Whether a path is one of these pages.
    pub(crate) fn is(path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Answers a request for one of them.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (request, body) = request.into_parts();
        let authorization = request.headers.get(header::AUTHORIZATION);
        if let Err(denial) = self.0.authorizer.authorize(authorization, &[]).await {
            return denied(denial);
        }
        let path = request.uri.path().strip_prefix(PATH).unwrap_or_default();
        let mut path = path.split('/').skip(1).map(str::to_owned);
        let (id, verb) = (path.next(), path.next());
        let verb = verb.as_deref().map(Verb::of);
        if path.next().is_some() || verb == Some(None) {
            return not_found();
        }
        let verb = verb.flatten();
        let answer = match (request.method, id, verb) {
            (Method::GET, None, _) => Ok(self.0.list()),
            (Method::GET, Some(id), None) => self.0.show(&id),
            (Method::DELETE, Some(id), None) => self.0.remove(&id).await,
            (Method::POST, id, verb) => match expects_json(&request.headers) {
                Ok(()) => self.0.post(id, verb, body).await,
                Err(refusal) => Err(refusal),
            },
            _ => return method_not_allowed(),
        };
        match answer {
            Ok((status, value)) => answered(status, &value),
            Err(Refusal(status, reason)) => answered(status, &json!({ "error": reason })),
        }
    }
}

/// What can be asked of one drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Test,
    Replay,
}

impl Verb {
    fn of(word: &str) -> Option<Self> {
        match word {
            "test" => Some(Self::Test),
            "replay" => Some(Self::Replay),
            _ => None,
        }
    }
}

type Answer = Result<(StatusCode, Value), Refusal>;

impl Inner {
    fn list(&self) -> (StatusCode, Value) {
        let all = self.drains.list();
        let all: Vec<_> = all.iter().map(view::json).collect();
        (StatusCode::OK, json!({ "drains": all }))
    }

    async fn post(&self, id: Option<String>, verb: Option<Verb>, body: Body) -> Answer {
        match (id, verb) {
            (None, _) => self.add(body).await,
            (Some(id), Some(Verb::Test)) => self.test(&id).await,
            (Some(id), Some(Verb::Replay)) => self.replay(&id).await,
            (Some(id), None) if id == "test" => self.test_new(body).await,
            (Some(_), None) => Err(Refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "a drain cannot be changed; remove it and add another".to_owned(),
            )),
        }
    }

    fn show(&self, id: &str) -> Answer {
        let found = self.drains.find(id).ok_or_else(|| unknown(id))?;
        Ok((StatusCode::OK, view::json(&found)))
    }

    async fn add(&self, body: Body) -> Answer {
        let (definition, drain) = self.definition(body).await?;
        let mut added = self.added.lock().await;
        if let Some(there) = self.drains.find(&drain.id) {
            let (id, origin) = (&drain.id, there.origin.name());
            return Err(Refusal(
                StatusCode::CONFLICT,
                format!("this URL is a drain of this source already: {id} ({origin})"),
            ));
        }
        if added.definitions.len() >= MOST {
            let reason = format!("there are {MOST} drains already");
            return Err(Refusal(StatusCode::INSUFFICIENT_STORAGE, reason));
        }
        let mut definitions = added.definitions.clone();
        definitions.push(definition);
        self.keep(&mut added, definitions).await?;
        let (id, url) = (&drain.id, drain.url.anonymous());
        tracing::info!("the drain {id} to {url} was added");
        Ok((StatusCode::CREATED, self.show(&drain.id)?.1))
    }

    async fn remove(&self, id: &str) -> Answer {
        let mut added = self.added.lock().await;
        let found = self.drains.find(id).ok_or_else(|| unknown(id))?;
        if found.origin != Origin::Added {
            return Err(Refusal(
                StatusCode::CONFLICT,
                format!("the drain {id} is named in the configuration; remove it there"),
            ));
        }
        let mut definitions = added.definitions.clone();
        definitions.retain(|one| match one.drain(&self.defaults) {
            Ok(drain) => drain.id != id,
            Err(_) => true,
        });
        self.keep(&mut added, definitions).await?;
        tracing::info!("the drain {id} to {} was removed", found.exit.shown());
        Ok((StatusCode::OK, view::json(&found)))
    }

    /// Kept first, and then in force: what runs is what comes back after a restart.
    async fn keep(&self, added: &mut Added, definitions: Vec<Definition>) -> Result<(), Refusal> {
        let store = Arc::clone(&added.store);
        let kept = definitions.clone();
        let written = tokio::task::spawn_blocking(move || store.write(&kept)).await;
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!("cannot keep the drains: {error}");
            let reason = format!("cannot keep the drains: {error}");
            Refusal(StatusCode::INTERNAL_SERVER_ERROR, reason)
        };
        written
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        added.definitions = definitions;
        let made = added.definitions.iter();
        let made = made.filter_map(|one| one.drain(&self.defaults).ok());
        self.drains.set(Origin::Added, made.collect());
        Ok(())
    }

    async fn test_new(&self, body: Body) -> Answer {
        let (_, drain) = self.definition(body).await?;
        Ok(self.tried(&drain).await)
    }

    async fn test(&self, id: &str) -> Answer {
        let found = self.drains.find(id).ok_or_else(|| unknown(id))?;
        match &found.exit {
            Exit::Drain(drain) => Ok(self.tried(drain).await),
            Exit::Nozzle(_) | Exit::Channel(_) => Err(Refusal(
                StatusCode::CONFLICT,
                format!(
                    "{id} is a nozzle or the drain of a channel, and those are not tried out; its state says how it is"
                ),
            )),
        }
    }

    async fn replay(&self, id: &str) -> Answer {
        let found = self.drains.find(id).ok_or_else(|| unknown(id))?;
        match self.drains.replay(id).await {
            Ok(Some(envelopes)) => {
                tracing::info!("{envelopes} envelopes go to the drain {id} again");
                Ok((StatusCode::OK, json!({ "replayed": envelopes })))
            }
            Ok(None) => Err(Refusal(
                StatusCode::CONFLICT,
                format!(
                    "the drain {id} to {} keeps nothing; add logweir-spool=true to its URL, or \
                     spool = true to a nozzle",
                    found.exit.shown()
                ),
            )),
            Err(error) => Err(Refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the spool of the drain {id} cannot be read: {error}"),
            )),
        }
    }

    async fn tried(&self, drain: &Arc<Drain>) -> (StatusCode, Value) {
        let url = drain.url.anonymous();
        let result = match trial::run(drain, &self.drains.delivery).await {
            Ok(took) => json!({ "delivered": true, "url": url, "seconds": took.as_secs_f64() }),
            Err(error) => json!({ "delivered": false, "url": url, "error": error }),
        };
        (StatusCode::OK, result)
    }

    async fn definition(&self, body: Body) -> Result<(Definition, Arc<Drain>), Refusal> {
        let bad = |reason: String| Refusal(StatusCode::BAD_REQUEST, reason);
        let body = read(body).await;
        let body =
            body.ok_or_else(|| bad(format!("a request of at most {REQUEST} bytes was expected")))?;
        let definition: Definition = serde_json::from_slice(&body).map_err(|error| {
            // serde's own text quotes values, and values are secrets here.
            let (line, column) = (error.line(), error.column());
            bad(format!(
                "not a drain at line {line}, column {column}: an object with `url`, and if needed \
                 `source_id`, `hostname`, `cert`, `key`, `ca` and `headers`, all of them text but \
                 the last"
            ))
        })?;
        let drain = definition.drain(&self.defaults);
        let drain = drain.map_err(|error| bad(error.to_string()))?;
        Ok((definition, drain))
    }
}

/// The whole body; none if it is too long or breaks off.
async fn read(mut body: Body) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > REQUEST {
            return None;
        }
    }
    Some(all)
}

/// A page in a browser can send forms to a door on loopback, but not JSON.
fn expects_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type application/json was expected".to_owned(),
        )),
    }
}

fn unknown(id: &str) -> Refusal {
    let id: String = id.chars().take(40).collect();
    Refusal(StatusCode::NOT_FOUND, format!("there is no drain {id}"))
}

fn denied(denial: Denial) -> Response<Body> {
    let reason = "drains are for those who may read everything";
    let mut answer = answered(
        StatusCode::UNAUTHORIZED,
        &json!({ "error": format!("{reason}: {denial}") }),
    );
    let bearer = HeaderValue::from_static("Bearer");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    answer
}

fn answered(status: StatusCode, value: &Value) -> Response<Body> {
    let mut answer = Response::new(body::full(format!("{value}\n")));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
