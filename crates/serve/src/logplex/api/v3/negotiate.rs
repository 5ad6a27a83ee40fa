//! Media types of requests and answers.

use http::{StatusCode, header, request::Parts};

use super::route::Route;
use crate::logplex::api::payload::Bad;

const JSON: &str = "application/json";
const FRAMES: &str = "application/logplex-1";

/// Whether what comes can be read, and what is answered may come.
pub(super) fn check(route: &Route, parts: &Parts) -> Result<(), Bad> {
    let answered = match route {
        Route::Logs(_) => FRAMES,
        _ => JSON,
    };
    let accept = parts.headers.get_all(header::ACCEPT);
    let mut accept = accept.iter().filter_map(|value| value.to_str().ok());
    let first = accept.next();
    if first.is_some_and(|first| !admits(first, answered))
        && !accept.any(|value| admits(value, answered))
    {
        let words = format!("the answer is {answered}, which Accept does not admit");
        return Err(Bad(StatusCode::NOT_ACCEPTABLE, words));
    }
    if !route.has_body(&parts.method) {
        return Ok(());
    }
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case(JSON) {
        true => Ok(()),
        false => Err(Bad(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type application/json was expected".into(),
        )),
    }
}

/// Whether a header `Accept` admits a media type.
fn admits(accept: &str, kind: &str) -> bool {
    let main = kind.split('/').next().unwrap_or_default();
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=");
            weight.is_some_and(|weight| weight.parse() == Ok(0.0))
        });
        let fits = match range.split_once('/') {
            Some(("*", "*")) => true,
            Some((range, "*")) => range.eq_ignore_ascii_case(main),
            _ => range.eq_ignore_ascii_case(kind),
        };
        fits && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_with_its_ranges_and_weights() {
        for (accept, admitted) in [
            ("*/*", true),
            ("application/*", true),
            ("application/json", true),
            ("text/html, application/json;q=0.1", true),
            ("application/json; q=0", false),
            ("text/html", false),
            ("", false),
        ] {
            assert_eq!(admits(accept, JSON), admitted, "{accept:?}");
        }
    }
}
