//! Who may read which path, and what a denied caller is told (spec V1, section 4.4).

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use percent_encoding::percent_decode;

use crate::auth::{Authorizer, Refusal};

/// Name of the cookie that carries a token for those who cannot set headers.
const COOKIE: &str = "authorization";

/// Whether the caller may read an app's envelopes; otherwise the whole answer.
pub(super) async fn app(
    authorizer: &Authorizer,
    headers: &HeaderMap,
    app: &str,
) -> Result<(), Response<Body>> {
    let token = credential(headers);
    let refusal = match authorizer.reads_app(token.as_ref(), app).await {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    Err(match refusal {
        Refusal::NoGuid => answer(StatusCode::UNAUTHORIZED, ""),
        Refusal::NoCredential | Refusal::Unknown => challenge(""),
        Refusal::Forbidden => answer(StatusCode::NOT_FOUND, ""),
        Refusal::CapiFailed => answer(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Refusal::UaaFailed => answer(StatusCode::SERVICE_UNAVAILABLE, ""),
    })
}

/// Whether the caller may read everything; otherwise the whole answer.
pub(super) async fn everything(
    authorizer: &Authorizer,
    headers: &HeaderMap,
) -> Result<(), Response<Body>> {
    let token = credential(headers);
    let refusal = match authorizer.reads_everything(token.as_ref()).await {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    Err(match refusal {
        Refusal::NoCredential => challenge("You are not authorized. authorization not provided"),
        Refusal::UaaFailed | Refusal::CapiFailed => answer(StatusCode::SERVICE_UNAVAILABLE, ""),
        Refusal::NoGuid | Refusal::Unknown | Refusal::Forbidden => {
            challenge("You are not authorized. invalid authorization")
        }
    })
}

fn answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    response
}

fn challenge(text: &'static str) -> Response<Body> {
    let mut response = answer(StatusCode::UNAUTHORIZED, text);
    let basic = HeaderValue::from_static("Basic");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, basic);
    response
}

/// The header `Authorization`; if it is empty, the first cookie of that name, without
/// double quotes and with `%xx` and `+` decoded.
fn credential(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(header::AUTHORIZATION);
    if let Some(given) = given.filter(|value| !value.is_empty()) {
        return Some(given.clone());
    }
    let value = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .find_map(|pair| {
            let rest = pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?;
            rest.strip_prefix(b"=")
        })?;
    let value = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    let decoded = decoded(value)?;
    let mut value = HeaderValue::from_bytes(&decoded).ok()?;
    value.set_sensitive(true);
    (!value.is_empty()).then_some(value)
}

/// Decodes a query's value; `None` if a percent sign has no two hex digits behind it.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value.split(|byte| *byte == b'%').skip(1);
    if !rest.all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)) {
        return None;
    }
    let spaced: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Some(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests;
