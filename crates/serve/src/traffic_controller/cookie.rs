//! `/set-cookie`: gives a browser the token as a cookie, since it cannot set headers
//! on a WebSocket (spec loggregator-v1 §4.8).

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use logweir_net::body::{self, Body};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::front::form::field;

/// Most bytes of a form.
const FORM_BYTES: usize = 4096;

/// What `/set-cookie` may set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    /// Domain of the cookie, such as `doppler.` and the system domain. Empty: the
    /// cookie goes back to this host alone.
    pub domain: String,
    /// Names that may be set. A token is read from `authorization` only.
    pub names: Vec<String>,
    /// `lax`, as the reference; `strict`; or `none`, which a page of another site
    /// needs to open a WebSocket with the cookie.
    pub same_site: SameSite,
}

/// Which sites' requests carry the cookie.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Those of the same site, and links to it.
    Lax,
    /// Those of the same site.
    Strict,
    /// All.
    None,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            domain: String::new(),
            names: vec!["authorization".into()],
            same_site: SameSite::Lax,
        }
    }
}

/// Answers `/set-cookie`, whatever the method: 204 to a preflight, 400 without a name
/// and a value, else 200 and the cookie.
pub(super) async fn answer(config: &CookieConfig, request: &Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body::empty());
    if request.method == Method::OPTIONS {
        *response.status_mut() = StatusCode::NO_CONTENT;
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH");
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    } else {
        let query = request.uri.query().unwrap_or_default();
        let form = form(request, body).await;
        match form.and_then(|form| wish(&form, query)) {
            Some((name, value)) if config.names.iter().any(|known| known.as_bytes() == name) => {
                if let Some(cookie) = cookie(&name, &value, config) {
                    response.headers_mut().insert(header::SET_COOKIE, cookie);
                }
            }
            _ => *response.status_mut() = StatusCode::BAD_REQUEST,
        }
    }
    let headers = response.headers_mut();
    let allowed = HeaderValue::from_static("Content-Type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    let origin = request.headers.get(header::ORIGIN).cloned();
    allow_origin(headers, origin.unwrap_or(HeaderValue::from_static("")));
    response
}

/// Lets pages of `origin` read the answer that their cookies got.
pub(super) fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let allowed = HeaderValue::from_static("true");
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
    // The answer differs from origin to origin.
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}

/// The form in a request's body, empty if it has none; `None` if it cannot be read.
async fn form(request: &Parts, mut body: Body) -> Option<Vec<u8>> {
    let may_have_body = matches!(request.method, Method::POST | Method::PUT | Method::PATCH);
    if !may_have_body || !is_form(&request.headers) {
        return Some(Vec::new());
    }
    let mut form = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.ok()?.into_data().unwrap_or_default();
        if form.len() + data.len() > FORM_BYTES {
            return None;
        }
        form.extend_from_slice(&data);
    }
    Some(form)
}

/// Name and value, neither empty, of a form or else of the query.
fn wish(form: &[u8], query: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = pairs(form)?;
    fields.extend(pairs(query.as_bytes())?);
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name.as_bytes());
        let value = found.map(|(_, value)| value.clone());
        value.filter(|value| !value.is_empty())
    };
    Some((field("CookieName")?, field("CookieValue")?))
}

fn is_form(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE);
    let text = text.and_then(|value| value.to_str().ok());
    let kind = text.and_then(|text| text.split(';').next());
    let form = "application/x-www-form-urlencoded";
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(form))
}

/// The fields of a form; `None` if one of them cannot be read.
fn pairs(form: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let pairs = form.split(|byte| *byte == b'&');
    pairs.filter(|pair| !pair.is_empty()).map(field).collect()
}

/// The header's value as Go's `net/http` writes it; `None` where the name is no token.
fn cookie(name: &[u8], value: &[u8], config: &CookieConfig) -> Option<HeaderValue> {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return None;
    }
    let kept = |byte: &u8| (b' '..=b'~').contains(byte) && !b"\";\\".contains(byte);
    let value: Vec<u8> = value.iter().copied().filter(kept).collect();
    let quote: &[u8] = match value.iter().any(|byte| b" ,".contains(byte)) {
        true => b"\"",
        false => b"",
    };
    let domain = match config.domain.as_str() {
        "" => String::new(),
        domain => format!("; Domain={domain}"),
    };
    let same_site = match config.same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
        SameSite::None => "None",
    };
    let rest = format!("{domain}; HttpOnly; Secure; SameSite={same_site}");
    let parts = [name, b"=", quote, &value, quote, rest.as_bytes()];
    HeaderValue::from_bytes(&parts.concat()).ok()
}

#[cfg(test)]
mod tests;
