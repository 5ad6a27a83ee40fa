//! Answers that have no page of their own, as Go's `net/http` gives them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use logweir_net::body::{self, Body};

/// A text with the headers of `http.Error`.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// No such page.
pub(crate) fn not_found() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// The method has no meaning here.
pub(crate) fn method_not_allowed() -> Response<Body> {
    plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n")
}

/// The page is at another path of this server; the query stays. Without a body, as the
/// peers' doors answer.
pub(crate) fn moved(path: &str, uri: &Uri) -> Response<Body> {
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(location) = HeaderValue::try_from(&target) else {
        return not_found();
    };
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(header::LOCATION, location);
    response
}
