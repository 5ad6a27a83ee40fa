//! Bodies and statuses.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use logweir_wire::json;
use tonic::{Code, Status};

use crate::{front::answer::plain, log_cache::LOST_NODES};

/// What a strict client is told of our version: it wants a number that it knows, and
/// takes ours for one of the originals. From 2.1 on it filters by names.
pub(crate) const VERSION: &str = "3.2.12";

/// JSON that was written.
pub(in crate::log_cache) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(body::full(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A call that failed.
pub(super) fn failed(status: &Status) -> Response<Body> {
    let mut body = Vec::new();
    json::failure(i32::from(status.code()), status.message(), &mut body);
    let mut response = json(http_status(status.code()), body);
    if status.code() == Code::Unauthenticated
        && let Ok(challenge) = HeaderValue::try_from(status.message())
    {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// By grpc-gateway's table.
fn http_status(code: Code) -> StatusCode {
    let number = match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::Unauthenticated => 401,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Names the nodes whose sources lack in an answer.
pub(super) fn note_lost(headers: &mut HeaderMap, lost: &[String]) {
    if let Ok(lost) = HeaderValue::try_from(lost.join(","))
        && !lost.is_empty()
    {
        headers.insert(HeaderName::from_static(LOST_NODES), lost);
    }
}

/// The page `/api/v1/info`.
pub(super) fn info(uptime: u64) -> Response<Body> {
    let body = format!("{{\"version\":\"{VERSION}\",\"vm_uptime\":\"{uptime}\"}}\n");
    let mut response = plain(StatusCode::OK, body);
    response
        .headers_mut()
        .remove(header::X_CONTENT_TYPE_OPTIONS);
    response
}

/// For how many whole seconds the machine is up.
pub(super) fn machine_uptime() -> u64 {
    static STARTED: OnceLock<tokio::time::Instant> = OnceLock::new();
    let own = STARTED.get_or_init(tokio::time::Instant::now);
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split(['.', ' ']).next();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    seconds.unwrap_or_else(|| own.elapsed().as_secs())
}
