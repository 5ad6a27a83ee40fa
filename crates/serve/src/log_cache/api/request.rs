//! What a request asks for: its route, and the fields of its query or form.

use http::{HeaderMap, Method, Uri, header, request::Parts};
use http_body_util::BodyExt;
use logweir_net::body::Body;
use tonic::Status;

use super::go;

/// Where all pages are.
const ROOT: &str = "/api/v1";

/// Largest form, in bytes: Go's.
const FORM: usize = 10 << 20;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Read(String),
    Meta,
    Info,
    Search(String),
    Follow(String),
}

/// Whether a path is below the root of these pages.
pub(super) fn is_below_root(path: &str) -> bool {
    path.strip_prefix(ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Route {
    /// The page of a path. A source id takes all that follows, slashes too, decoded
    /// once.
    ///
    /// # Errors
    /// Go's words for a path that cannot be decoded.
    pub(super) fn of(path: &str) -> Result<Option<Self>, String> {
        if path == "/api/v1/info" {
            return Ok(Some(Self::Info));
        }
        let path = go::unescaped(path, false)?;
        let Some(rest) = path.strip_prefix(ROOT) else {
            return Ok(None);
        };
        let source = |name: &str| {
            let rest = rest.strip_prefix(name)?;
            match rest.strip_prefix('/') {
                Some(source) => Some(source.to_owned()),
                None => rest.is_empty().then(String::new),
            }
        };
        let named = source("/read")
            .map(Self::Read)
            .or_else(|| source("/search").map(Self::Search))
            .or_else(|| source("/follow").map(Self::Follow));
        Ok(named.or_else(|| (rest == "/meta").then_some(Self::Meta)))
    }

    /// Whose envelopes are asked for.
    pub(super) fn source(&self) -> Option<&str> {
        match self {
            Self::Read(source) | Self::Search(source) | Self::Follow(source) => Some(source),
            Self::Meta | Self::Info => None,
        }
    }
}

/// The fields of a request that may be answered: a GET, or a form that is posted as
/// one. Those of the form come first.
///
/// # Errors
/// `Unimplemented` for another method, `InvalidArgument` for what cannot be read.
pub(in crate::log_cache) async fn fields(
    request: &Parts,
    body: Body,
) -> Result<Vec<(String, String)>, Status> {
    let not_allowed = || Status::unimplemented("Method Not Allowed");
    if request.method == Method::GET {
        return query(&request.uri);
    }
    if request.method != Method::POST || !is_form(&request.headers) {
        return Err(not_allowed());
    }
    let meant = request.headers.get("x-http-method-override");
    if meant
        .is_some_and(|meant| !meant.is_empty() && !meant.as_bytes().eq_ignore_ascii_case(b"GET"))
    {
        return Err(not_allowed());
    }
    merged(request, body).await
}

/// The same by the rules of Prometheus, whose clients in Python post no form but put
/// everything into the URL.
///
/// # Errors
/// As [`fields`].
pub(in crate::log_cache) async fn form_fields(
    request: &Parts,
    body: Body,
) -> Result<Vec<(String, String)>, Status> {
    match request.method {
        Method::GET => query(&request.uri),
        Method::POST if is_form(&request.headers) => merged(request, body).await,
        Method::POST => query(&request.uri),
        _ => Err(Status::unimplemented("Method Not Allowed")),
    }
}

async fn merged(request: &Parts, body: Body) -> Result<Vec<(String, String)>, Status> {
    let form = read(body).await?;
    let form = String::from_utf8_lossy(&form);
    let mut fields = go::form(&form).map_err(Status::invalid_argument)?;
    fields.extend(query(&request.uri)?);
    Ok(fields)
}

async fn read(mut body: Body) -> Result<Vec<u8>, Status> {
    let mut form = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let data = frame.into_data().unwrap_or_default();
        if form.len() + data.len() > FORM {
            return Err(Status::invalid_argument("http: POST too large"));
        }
        form.extend_from_slice(&data);
    }
    Ok(form)
}

fn query(uri: &Uri) -> Result<Vec<(String, String)>, Status> {
    go::form(uri.query().unwrap_or_default()).map_err(Status::invalid_argument)
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_takes_the_rest_of_the_path() {
        let read = |source: &str| Ok(Some(Route::Read(source.into())));
        for (path, route) in [
            ("/api/v1/read/app", read("app")),
            ("/api/v1/read/a%2Fb", read("a/b")),
            ("/api/v1/read/a/b", read("a/b")),
            ("/api/v1/read/a%252Fb", read("a%2Fb")),
            ("/api/v1/read/a+b:c", read("a+b:c")),
            ("/api/v1/read/s%C3%BC%C3%9F%0A", read("süß\n")),
            ("/api/v1/read/", read("")),
            ("/api/v1/read", read("")),
            ("/api/v1/readers", Ok(None)),
            ("/api/v1/meta", Ok(Some(Route::Meta))),
            ("/api/v1/meta/", Ok(None)),
            ("/api/v1/info", Ok(Some(Route::Info))),
            ("/api/v1/info/", Ok(None)),
            ("/api/v1", Ok(None)),
            ("/", Ok(None)),
            ("/api/v1/search/a", Ok(Some(Route::Search("a".into())))),
            ("/api/v1/follow/a", Ok(Some(Route::Follow("a".into())))),
            (
                "/api/v1/read/%zz",
                Err("invalid URL escape \"%zz\"".to_owned()),
            ),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
        assert!(is_below_root("/api/v1"));
        assert!(is_below_root("/api/v1/x"));
        assert!(!is_below_root("/api/v10"));
        assert!(!is_below_root("/api/drains"));
    }
}
