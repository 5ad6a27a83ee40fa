use std::error::Error;

use h2::Reason;
use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status, metadata::MetadataValue};

use crate::dial::SendError;

/// In the metadata of a call's status: the server has not begun with it, so that it may be made
/// again.
pub const NOT_BEGUN: &str = "logweir-not-begun";

/// The status in a response's header or trailers; `None` if there is none in them.
pub fn status_of(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

/// What ends a response.
pub fn trailers(status: Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        // Only metadata that is no header value can get here; the code still can.
        headers.insert(Status::GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    headers
}

/// The status for a broken connection or stream, by its cause: the reset codes as gRPC
/// maps them, everything else of the connection is `Unavailable`.
pub fn status_from_error(error: &(dyn Error + 'static)) -> Status {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Status::with_details(
                status.code(),
                status.message(),
                status.details().to_vec().into(),
            );
        }
        if let Some(broken) = error.downcast_ref::<h2::Error>() {
            return from_h2(broken);
        }
        if error.downcast_ref().is_some_and(unsent) {
            return not_begun(format!("connection lost: {error}"));
        }
        if let Some(broken) = error.downcast_ref::<std::io::Error>() {
            return Status::unavailable(format!("connection lost: {broken}"));
        }
        cause = error.source();
    }
    Status::unavailable(format!("connection lost: {error}"))
}

/// Whether the connection ended before the request was sent.
fn unsent(error: &SendError) -> bool {
    match error {
        SendError::Closed => true,
        SendError::Http(error) => error.is_canceled(),
    }
}

/// `Unavailable`, and the call may be made again elsewhere.
pub fn not_begun(why: impl Into<String>) -> Status {
    let mut status = Status::unavailable(why);
    let yes = MetadataValue::from_static("1");
    status.metadata_mut().insert(NOT_BEGUN, yes);
    status
}

fn from_h2(error: &h2::Error) -> Status {
    let text = error.to_string();
    if error.is_io() || error.is_go_away() {
        // A server that ends in order names the last request that it has looked at; this is a
        // later one (RFC 9113 §6.8).
        if error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR) {
            return not_begun(format!("connection lost: {text}"));
        }
        return Status::unavailable(format!("connection lost: {text}"));
    }
    let code = match error.reason() {
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::REFUSED_STREAM) => Code::Unavailable,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        Some(_) => Code::Internal,
        None => Code::Unavailable,
    };
    Status::new(code, format!("stream broken: {text}"))
}

/// For a response that is no gRPC, by its HTTP status, as gRPC clients map it.
pub(super) fn from_http(code: http::StatusCode) -> Status {
    use http::StatusCode as Http;
    let kind = match code {
        Http::BAD_REQUEST => Code::Internal,
        Http::UNAUTHORIZED => Code::Unauthenticated,
        Http::FORBIDDEN => Code::PermissionDenied,
        Http::NOT_FOUND => Code::Unimplemented,
        Http::TOO_MANY_REQUESTS
        | Http::BAD_GATEWAY
        | Http::SERVICE_UNAVAILABLE
        | Http::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(
        kind,
        format!("the server answered HTTP status {}", code.as_u16()),
    )
}
