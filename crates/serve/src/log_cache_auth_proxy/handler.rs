//! Which path is guarded how (spec log-cache §5.3). Whoever may not read is told that there
//! is nothing: an empty 404.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use logweir_net::{
    body::{self, Body, BoxError},
    listen::Peer,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use tower_service::Service;

use super::{
    capi::Capi,
    meta,
    onward::Onward,
    promql::{Query, QueryError},
};
use crate::{
    auth::{authorizer::bearer, token_keys::TokenKeys},
    front::{answer::not_found, cef::SecurityLog, form},
    metrics::Registry,
};

/// Scopes that read everything.
const ADMIN_SCOPES: [&str; 2] = ["doppler.firehose", "logs.admin"];

/// Longest time that a decision takes, whatever UAA and CAPI do.
const DECISION: Duration = Duration::from_secs(30);

/// Largest form that is read.
const FORM_BYTES: usize = 1 << 20;

/// What a query's parameters are written with: everything but letters, digits and `-._~`.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The proxy. Clones are the same.
#[derive(Clone)]
pub(super) struct Proxy(pub(super) Arc<Parts>);

/// What it is made of.
pub(super) struct Parts {
    pub(super) keys: Arc<TokenKeys>,
    pub(super) capi: Capi,
    pub(super) onward: Onward,
    pub(super) promql: bool,
    pub(super) security_log: Option<SecurityLog>,
    pub(super) registry: Registry,
}

/// Why somebody may not read. For logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NoCredential,
    Token,
    NotAllowed,
    CapiFailed,
    TimedOut,
}

/// Somebody with a valid token.
struct Caller {
    authorization: HeaderValue,
    token: String,
    is_admin: bool,
}

impl Refusal {
    /// Value of the metric label `reason`.
    fn name(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::Token => "invalid_token",
            Self::NotAllowed => "not_allowed",
            Self::CapiFailed => "capi_failed",
            Self::TimedOut => "timed_out",
        }
    }
}

impl Parts {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        if let Some(log) = &self.security_log {
            log.note(&request);
        }
        let path = request.uri().path().to_owned();
        if !self.promql && path.starts_with("/api/v1/query") {
            return failed(StatusCode::NOT_IMPLEMENTED, "Metrics not available");
        }
        let Some(path) = path.strip_prefix("/api/v1/") else {
            return not_found();
        };
        let decided = match path.split_once('/') {
            None => match path {
                "info" => Ok(self.pass(request, None).await),
                "meta" => self.meta(request).await,
                "query" | "query_range" => self.query(request).await,
                _ => return not_found(),
            },
            // The last two are ours.
            Some(("read" | "search" | "follow", source))
                if !source.is_empty() && !source.contains('/') =>
            {
                let source = source.to_owned();
                self.read(request, &source).await
            }
            Some(_) => return not_found(),
        };
        decided.unwrap_or_else(|refusal| {
            tracing::debug!(reason = refusal.name(), "a reader is denied");
            let labels = [("reason", refusal.name())];
            self.registry
                .counter("logweir_auth_denied", "Readers denied.", &labels)
                .add(1);
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        })
    }

    async fn read(&self, request: Request<Body>, source: &str) -> Result<Response<Body>, Refusal> {
        // The gateway reads escapes once, and so are they read here.
        let source = percent_decode_str(source).decode_utf8_lossy();
        let headers = request.headers();
        let decision = async {
            let caller = self.caller(headers).await?;
            match self.allowed(&caller, &source).await? {
                true => Ok(()),
                false => Err(Refusal::NotAllowed),
            }
        };
        in_time(decision).await?;
        Ok(self.pass(request, None).await)
    }

    async fn meta(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let caller = in_time(self.caller(request.headers())).await?;
        let visible = match caller.is_admin {
            true => None,
            false => {
                let visible = in_time(async {
                    let visible = self.capi.visible(&caller.authorization).await;
                    visible.map_err(capi_failed)
                });
                // As at the peer: nothing rather than an error.
                Some(visible.await.unwrap_or_default())
            }
        };
        let headers = [(header::AUTHORIZATION, caller.authorization)];
        let answer = self
            .onward
            .get("/api/v1/meta", headers.into_iter().collect());
        Ok(meta::answer(answer.await, visible.as_ref()))
    }

    async fn query(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let caller = in_time(self.caller(request.headers())).await?;
        let (request, fields) = match with_form(request).await {
            Ok(read) => read,
            Err(refused) => return Ok(refused),
        };
        let text = fields.iter().find(|(name, _)| name == "query");
        let text = text.map(|(_, text)| text.as_str()).unwrap_or_default();
        let query = match Query::parse(text) {
            Ok(query) => query,
            Err(error) => return Ok(bad_query(&error)),
        };
        let text = in_time(self.restricted(&caller, &query)).await?;
        let path = request.uri().path().to_owned();
        let target = format!("{path}?{}", encoded(&fields, &text));
        Ok(self.pass(request, Some(&target)).await)
    }

    /// The query for what the caller may read of it. What is named by the name of an app is
    /// asked for by its guid, too.
    async fn restricted(&self, caller: &Caller, query: &Query) -> Result<String, Refusal> {
        let sources = query.sources();
        let named = self.capi.named(&sources, &caller.authorization).await;
        let named = named.unwrap_or_else(|error| {
            tracing::warn!("names of apps are not looked up: {error}");
            Default::default()
        });
        let mut members = Vec::new();
        for source in &sources {
            let guids = named.get(*source).cloned().unwrap_or_default();
            let mut allowed = Vec::new();
            for member in guids.into_iter().chain([(*source).to_owned()]) {
                if self.allowed(caller, &member).await? {
                    allowed.push(member);
                }
            }
            members.push((*source, allowed));
        }
        let of = |source: &str| {
            let found = members.iter().find(|(name, _)| *name == source);
            found
                .map(|(_, allowed)| allowed.clone())
                .unwrap_or_default()
        };
        if sources.iter().any(|source| of(source).is_empty()) {
            return Err(Refusal::NotAllowed);
        }
        query.with(of).ok_or(Refusal::NotAllowed)
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let authorization = headers.get(header::AUTHORIZATION);
        let authorization = authorization.ok_or(Refusal::NoCredential)?;
        let token = bearer(authorization).ok_or(Refusal::NoCredential)?;
        let claims = self.keys.check(token).await.map_err(|error| {
            tracing::debug!("{error}");
            Refusal::Token
        })?;
        let is_admin = claims
            .scope
            .iter()
            .any(|scope| ADMIN_SCOPES.contains(&scope.as_str()));
        Ok(Caller {
            authorization: authorization.clone(),
            token: token.to_owned(),
            is_admin,
        })
    }

    async fn allowed(&self, caller: &Caller, source: &str) -> Result<bool, Refusal> {
        if caller.is_admin {
            return Ok(true);
        }
        let allowed = self
            .capi
            .may_read(&caller.authorization, &caller.token, source);
        allowed.await.map_err(capi_failed)
    }

    async fn pass(&self, request: Request<Body>, target: Option<&str>) -> Response<Body> {
        let from: Option<SocketAddr> = request.extensions().get::<Peer>().map(|peer| peer.addr);
        self.onward.pass(request, target, from).await
    }
}

fn capi_failed(error: String) -> Refusal {
    tracing::warn!("the cloud controller cannot be asked; readers are denied: {error}");
    Refusal::CapiFailed
}

async fn in_time<T>(decision: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let decision = tokio::time::timeout(DECISION, decision).await;
    decision.unwrap_or(Err(Refusal::TimedOut))
}

/// The parameters of a query, first those of the URL, then those of a form, and the request
/// as a GET without a body: what is not looked at here is not handed on.
async fn with_form(
    request: Request<Body>,
) -> Result<(Request<Body>, Vec<(String, String)>), Response<Body>> {
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let mut fields: Vec<_> = form::fields(query).collect();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let Some(form) = read_form(body).await else {
            return Err(failed(StatusCode::BAD_REQUEST, "the form cannot be read"));
        };
        fields.extend(form::fields(&String::from_utf8_lossy(&form)));
    }
    parts.method = Method::GET;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok((Request::from_parts(parts, body::empty()), fields))
}

/// A body that is not too large. None if it is, or does not come whole.
async fn read_form(mut body: Body) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            form.extend_from_slice(&data);
        }
        if form.len() > FORM_BYTES {
            return None;
        }
    }
    Some(form)
}

/// The parameters, sorted by name, each once, and this query.
fn encoded(fields: &[(String, String)], query: &str) -> String {
    let mut kept: Vec<(&str, &str)> = vec![("query", query)];
    for (name, value) in fields {
        if !kept.iter().any(|(known, _)| known == name) {
            kept.push((name, value));
        }
    }
    kept.sort_by_key(|(name, _)| *name);
    let pairs = kept.into_iter().map(|(name, value)| {
        let write = |text| utf8_percent_encode(text, QUERY);
        format!("{}={}", write(name), write(value))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn bad_query(error: &QueryError) -> Response<Body> {
    failed(StatusCode::BAD_REQUEST, &error.to_string())
}

/// An error in the form of Prometheus.
fn failed(status: StatusCode, error: &str) -> Response<Body> {
    #[derive(Serialize)]
    struct Failed<'a> {
        status: &'static str,
        #[serde(rename = "errorType")]
        kind: &'static str,
        error: &'a str,
    }
    let failed = Failed {
        status: "error",
        kind: "bad_data",
        error,
    };
    let mut text = serde_json::to_string(&failed).unwrap_or_default();
    // As Go writes JSON.
    for (letter, escape) in [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")] {
        text = text.replace(letter, escape);
    }
    text.push('\n');
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

impl<B> Service<Request<B>> for Proxy
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let parts = Arc::clone(&self.0);
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        Box::pin(async move { Ok(parts.answer(request).await) })
    }
}

#[cfg(test)]
mod tests;
