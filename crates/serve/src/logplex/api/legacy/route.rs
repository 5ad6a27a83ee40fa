//! Paths and methods of v1 and v2.

use http::Method;

use super::{Age, sessions::Kind};

/// What is asked for. Channels are decimal numbers here; a drain's is kept as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Healthcheck,
    CreateChannel,
    Channel(&'a str),
    Info(&'a str),
    DeleteChannel(&'a str, Age),
    CreateToken(&'a str, Age),
    CreateSession(Kind),
    Fetch(&'a str),
    CanaryFetch(&'a str),
    ReserveDrain(&'a str),
    SetDrain(&'a str, &'a str),
    CreateDrain(&'a str),
    DeleteDrain(&'a str, &'a str),
    /// Gone, with what is said about it.
    Deprecated(&'static str),
}

impl<'a> Route<'a> {
    /// The route of a decoded path.
    pub(super) fn of(method: &Method, path: &'a str) -> Option<Self> {
        if method == Method::GET && path.contains("/healthcheck") {
            return Some(Self::Healthcheck);
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut all = [""; 5];
        let mut count = 0;
        for part in parts.by_ref().take(all.len()) {
            all[count] = part;
            count += 1;
        }
        if parts.next().is_some() {
            return None;
        }
        match *method {
            Method::GET => Self::get(&all[..count]),
            Method::POST => Self::post(&all[..count]),
            Method::DELETE => Self::delete(&all[..count]),
            _ => None,
        }
    }

    fn get(parts: &[&'a str]) -> Option<Self> {
        Some(match *parts {
            ["v2", "channels", id] if number(id) => Self::Channel(id),
            ["channels", id, "info"] if number(id) => Self::Info(id),
            ["channels", id, "drains"] if number(id) => {
                Self::Deprecated("V1 Drain API Deprecated.")
            }
            ["sessions", id] if word(id) => Self::Fetch(id),
            ["v2", "canary-fetch", id] if word(id) => Self::CanaryFetch(id),
            _ => return None,
        })
    }

    fn post(parts: &[&'a str]) -> Option<Self> {
        Some(match *parts {
            ["channels"] => Self::CreateChannel,
            ["channels", id, "token"] if number(id) => Self::CreateToken(id, Age::V1),
            ["v2", "channels", id, "tokens"] if number(id) => Self::CreateToken(id, Age::V2),
            ["sessions"] => Self::CreateSession(Kind::V1),
            ["v2", "sessions"] => Self::CreateSession(Kind::V2),
            ["v2", "canary-sessions"] => Self::CreateSession(Kind::Canary),
            ["channels", id, "drains", "tokens"] if number(id) => Self::ReserveDrain(id),
            ["channels", id, "drains", drain] if number(id) && number(drain) => {
                Self::Deprecated("V1 Drain Creation API deprecated")
            }
            ["channels", id, "drains"] if number(id) => {
                Self::Deprecated("V1 Drain Creation API deprecated.")
            }
            ["v2", "channels", id, "drains", drain] if number(id) && number(drain) => {
                Self::SetDrain(id, drain)
            }
            ["v2", "channels", id, "drains"] if number(id) => Self::CreateDrain(id),
            _ => return None,
        })
    }

    fn delete(parts: &[&'a str]) -> Option<Self> {
        Some(match *parts {
            ["channels", id] if number(id) => Self::DeleteChannel(id, Age::V1),
            ["v2", "channels", id] if number(id) => Self::DeleteChannel(id, Age::V2),
            ["channels", id, "drains"] if number(id) => {
                Self::Deprecated("V1 Drain API Deprecated.")
            }
            ["v2", "channels", id, "drains", drain] if number(id) && number(drain) => {
                Self::DeleteDrain(id, drain)
            }
            _ => return None,
        })
    }

    /// Whether it is refused while the API is only read.
    pub(super) fn changes(self) -> bool {
        match self {
            Self::CreateSession(kind) => kind != Kind::Canary,
            Self::CreateChannel
            | Self::DeleteChannel(..)
            | Self::CreateToken(..)
            | Self::ReserveDrain(_)
            | Self::SetDrain(..)
            | Self::CreateDrain(_)
            | Self::DeleteDrain(..) => true,
            Self::Healthcheck
            | Self::Channel(_)
            | Self::Info(_)
            | Self::Fetch(_)
            | Self::CanaryFetch(_)
            | Self::Deprecated(_) => false,
        }
    }
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_peer_leads_them() {
        let of = |method: &Method, path| Route::of(method, path);
        let (get, post, delete) = (&Method::GET, &Method::POST, &Method::DELETE);
        let drains = "/v2/channels/1/drains/7";
        for (method, path, route) in [
            (get, "/healthcheck", Some(Route::Healthcheck)),
            (get, "/x/healthchecks/y", Some(Route::Healthcheck)),
            (post, "/healthcheck", None),
            (post, "/channels", Some(Route::CreateChannel)),
            (post, "/channels/", None),
            (get, "/channels", None),
            (get, "/v2/channels/12", Some(Route::Channel("12"))),
            (get, "/v2/channels/12badchannel", None),
            (get, "/v2/channels/", None),
            (get, "/channels/12/info", Some(Route::Info("12"))),
            (post, drains, Some(Route::SetDrain("1", "7"))),
            (delete, drains, Some(Route::DeleteDrain("1", "7"))),
            (get, drains, None),
            (post, "/v2/channels/1/drains/7/x", None),
            (get, "/sessions/a-B_9", Some(Route::Fetch("a-B_9"))),
            (get, "/sessions/a.b", None),
            (post, "/a/load", None),
            (get, "", None),
        ] {
            assert_eq!(of(method, path), route, "{method} {path}");
        }
    }
}
