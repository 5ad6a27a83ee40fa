//! Answers, by the kinds that the APIs give.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};

use crate::logplex::{book::BookError, store::StoreError};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html");

/// A status alone.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(body::empty());
    *answer.status_mut() = status;
    answer
}

/// JSON.
pub(super) fn json(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    of_type(status, text, JSON)
}

/// `{"error":"..."}`.
pub(super) fn error(status: StatusCode, text: &str) -> Response<Body> {
    json(status, serde_json::json!({ "error": text }).to_string())
}

/// Text as 8001 says it, which calls it HTML.
pub(super) fn html(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    of_type(status, text, HTML)
}

fn of_type(status: StatusCode, text: impl Into<Bytes>, kind: HeaderValue) -> Response<Body> {
    let mut answer = Response::new(body::full(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The same with one more header; without it if the value cannot be one.
pub(super) fn with(mut answer: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// The status of what the book refused, where the API has none of its own for it.
pub(super) fn status_of(error: &BookError) -> StatusCode {
    match error {
        BookError::Store(StoreError::Unreachable(_)) | BookError::Busy => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        BookError::Store(StoreError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        BookError::NoChannel | BookError::NoDrain | BookError::NoToken | BookError::NoCred => {
            StatusCode::NOT_FOUND
        }
        BookError::DrainExists | BookError::CredExists | BookError::NumberTaken => {
            StatusCode::CONFLICT
        }
        BookError::TooManyDrains => StatusCode::UNPROCESSABLE_ENTITY,
        BookError::TooMany(_) => StatusCode::INSUFFICIENT_STORAGE,
    }
}
