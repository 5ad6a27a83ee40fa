//! Paths and methods of v3.

use http::Method;

use crate::logplex::api::payload;

/// What is asked for; ids are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Channel(String),
    Drains(String),
    Drain(String, u64),
    Tokens(String),
    Logs(String),
    Sessions,
}

impl Route {
    /// The route of a path as it was sent.
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/v3/")?;
        let parts: Vec<_> = path.splitn(5, '/').collect();
        match *parts {
            ["channels", id] => id_of(id).map(Self::Channel),
            ["channels", id, "drains"] => id_of(id).map(Self::Drains),
            ["channels", id, "drains", drain] => {
                let digits = drain.bytes().all(|byte| byte.is_ascii_digit());
                if !digits || drain.is_empty() {
                    return None;
                }
                // Larger than any drain's is one that is not there.
                let drain = drain.parse().unwrap_or(u64::MAX);
                id_of(id).map(|id| Self::Drain(id, drain))
            }
            ["channels", id, "tokens"] => id_of(id).map(Self::Tokens),
            ["channels", id, "logs"] => id_of(id).map(Self::Logs),
            ["sessions"] | ["sessions", _] => Some(Self::Sessions),
            _ => None,
        }
    }

    /// Its methods as the header `Allow` has them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Channel(_) => "PUT, GET, DELETE",
            Self::Drains(_) | Self::Tokens(_) | Self::Sessions => "POST",
            Self::Drain(..) => "PUT, DELETE",
            Self::Logs(_) => "GET",
        }
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        let mut methods = self.methods().split(", ");
        methods.any(|one| one == method.as_str())
    }

    /// Whether the body is looked at before the caller is.
    pub(super) fn reads_early(&self, method: &Method) -> bool {
        self.has_body(method) && !matches!(self, Self::Channel(_))
    }

    /// Whether there is JSON to read.
    pub(super) fn has_body(&self, method: &Method) -> bool {
        *method == Method::POST || *method == Method::PUT
    }
}

/// An id as a path segment has it.
fn id_of(segment: &str) -> Option<String> {
    let id = percent_encoding::percent_decode_str(segment);
    let id = id.decode_utf8().ok()?;
    let id = payload::one_word(&id, "the id of a channel").ok()?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_what_they_name() {
        let app = || "app-1".to_owned();
        for (path, route) in [
            ("/v3/channels/app-1", Some(Route::Channel(app()))),
            ("/v3/channels/app%2D1", Some(Route::Channel(app()))),
            ("/v3/channels/a%2Fb", Some(Route::Channel("a/b".into()))),
            ("/v3/channels/", None),
            ("/v3/channels/a%0Ab", None),
            ("/v3/channels/%ff", None),
            ("/v3/channels/app-1/drains", Some(Route::Drains(app()))),
            ("/v3/channels/app-1/drains/7", Some(Route::Drain(app(), 7))),
            ("/v3/channels/app-1/drains/x", None),
            ("/v3/channels/app-1/drains/", None),
            (
                "/v3/channels/app-1/drains/99999999999999999999",
                Some(Route::Drain(app(), u64::MAX)),
            ),
            ("/v3/channels/app-1/tokens", Some(Route::Tokens(app()))),
            ("/v3/channels/app-1/logs", Some(Route::Logs(app()))),
            ("/v3/sessions", Some(Route::Sessions)),
            ("/v3/sessions/anything", Some(Route::Sessions)),
            ("/v3/sessions/a/b", None),
            ("/v3", None),
            ("/v4/sessions", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
