//! Requests to `/api/drains`.

use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use serde_json::Value;

use super::Where;
use crate::{exit::Failure, locate::Door};

/// A trial of a drain may take its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Delete,
}

/// One request.
pub(super) struct Ask {
    client: HttpClient,
    request: Request<body::Body>,
}

impl Ask {
    /// `path` is below `/api/drains`; empty for that itself.
    pub(super) fn new(place: &Where, method: Method, path: &str) -> Result<Self, Failure> {
        let base = match &place.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", place.connection.address(Door::Http)?),
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
        if !path.bytes().all(known) {
            return Err(Failure::new(format!(
                "`{path}` names no drain; `logweir drain list` names them"
            )));
        }
        let slash = if path.is_empty() { "" } else { "/" };
        let mut request = Request::builder()
            .method(match method {
                Method::Get => http::Method::GET,
                Method::Post => http::Method::POST,
                Method::Delete => http::Method::DELETE,
            })
            .uri(format!("{base}/api/drains{slash}{path}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &place.token {
            let token = match token.contains(' ') {
                true => token.clone(),
                false => format!("bearer {token}"),
            };
            let mut value = HeaderValue::try_from(token)
                .map_err(|_| Failure::new("the token has bytes that no header can hold"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(body::empty()).map_err(|_| {
            Failure::new(format!("`{base}` is no address: write https://HOST:PORT"))
        })?;
        let ca = place.connection.ca.as_deref();
        let tls = match request.uri().scheme_str() {
            Some("https") => {
                let verify = match ca {
                    Some(_) => Verify::Ca,
                    None => Verify::SystemRoots,
                };
                let tls = ClientTls::load(ca, None, verify, &[], Alpn::HttpAll);
                Some(tls.map_err(Failure::new)?)
            }
            _ => None,
        };
        let settings = HttpClientSettings {
            total_timeout: PATIENCE,
            ..HttpClientSettings::default()
        };
        Ok(Self {
            client: HttpClient::new(tls, None, settings),
            request,
        })
    }

    /// Says what is meant.
    pub(super) fn with(self, json: Value) -> Self {
        let request = self.request.map(|_| body::full(json.to_string()));
        Self { request, ..self }
    }

    /// The answer's JSON. A refusal is told in the server's words.
    pub(super) async fn answer(self) -> Result<Value, Failure> {
        let answer = self.client.send(self.request).await.map_err(|error| {
            Failure::unavailable(format!(
                "{error}; is it running? start one with `logweir run`, or give --url"
            ))
        })?;
        let status = answer.status();
        let json: Option<Value> = serde_json::from_slice(answer.body()).ok();
        match (status, json) {
            (status, Some(json)) if status.is_success() => Ok(json),
            (StatusCode::UNAUTHORIZED, _) => Err(Failure::new(
                "drains are for those who may read everything: give --token",
            )),
            (status, json) => {
                let told = json.as_ref().and_then(|json| json["error"].as_str());
                let told = told.map(str::to_owned);
                Err(Failure::new(
                    told.unwrap_or_else(|| format!("the server answers {status}")),
                ))
            }
        }
    }
}
