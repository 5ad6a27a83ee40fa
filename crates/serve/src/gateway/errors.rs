//! The JSON error bodies of `/v2/read` (spec 6.4).

use http::{Response, StatusCode};
use logweir_net::body::Body;
use tonic::{Code, Status};

use super::query::QueryError;
use crate::front::answer::plain;

/// Why a request gets no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The method is not GET.
    MethodNotAllowed,
    /// The query asks for nothing.
    Query(QueryError),
    /// The reverse log proxy found the request wrong.
    Refused,
    /// The caller may not read this, or gave no credential. Nobody is told which.
    NotFound,
    /// The reverse log proxy is away, or there are too many streams.
    Unavailable,
}

impl ReadError {
    /// What an upstream's refusal means to the reader. Anything but a wrong request
    /// is worth another try, so it is never shown as an empty success.
    pub fn from_upstream(status: &Status) -> Self {
        match status.code() {
            Code::InvalidArgument => ReadError::Refused,
            _ => ReadError::Unavailable,
        }
    }

    /// Status code, `message` and `error` of the body.
    pub fn parts(self) -> (StatusCode, String, &'static str) {
        use StatusCode as S;
        let (status, message, error) = match self {
            ReadError::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method not allowed",
                "method_not_allowed",
            ),
            ReadError::Query(reason) => {
                let error = match reason {
                    QueryError::Empty => "empty_query",
                    QueryError::MissingEnvelopeType => "missing_envelope_type",
                    QueryError::TooManySelectors => "too_many_selectors",
                };
                return (S::BAD_REQUEST, reason.to_string(), error);
            }
            ReadError::Refused => (
                S::BAD_REQUEST,
                "selectors were refused",
                "invalid_selectors",
            ),
            ReadError::NotFound => (S::NOT_FOUND, "resource not found", "not_found"),
            ReadError::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "streaming is temporarily unavailable",
                "streaming_unavailable",
            ),
        };
        (status, message.to_owned(), error)
    }

    /// The whole answer: compact JSON, then two newlines.
    pub fn response(self) -> Response<Body> {
        let (status, message, error) = self.parts();
        // No message or name here needs JSON escapes.
        plain(
            status,
            format!("{{\"message\":\"{message}\",\"error\":\"{error}\"}}\n\n"),
        )
    }
}
