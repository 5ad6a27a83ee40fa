//! Why there is no answer.

use std::time::Duration;

use redis::ErrorKind;

use super::url::RedisUrl;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The server is not there, or was lost before it answered: it may have done what it was
    /// asked.
    #[error("redis cannot be reached: {0}")]
    Unreachable(String),
    /// The server says no.
    #[error("redis: {0}")]
    Refused(String),
}

impl RedisError {
    /// No connection to a server.
    pub(super) fn no_connection(url: &RedisUrl, why: impl std::fmt::Display) -> Self {
        Self::Unreachable(format!("{url}: {why}"))
    }

    /// A server that does not take us is none.
    pub(super) fn of_greeting(self, url: &RedisUrl) -> Self {
        let (Self::Unreachable(why) | Self::Refused(why)) = self;
        Self::no_connection(url, why)
    }

    /// The server has not answered for so long.
    pub(super) fn late(patience: Duration) -> Self {
        Self::Unreachable(format!("no answer within {patience:?}"))
    }

    /// The connection ended.
    pub(super) fn closed() -> Self {
        Self::Unreachable("the server closed the connection".to_owned())
    }
}

/// What the library says, without what the server sent when it could not be read: there may be a
/// secret in it.
impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        let Some(code) = error.code() else {
            return match error.kind() {
                ErrorKind::Parse => Self::Unreachable("an answer that is none".to_owned()),
                // The library keeps the server's own words to itself.
                ErrorKind::AuthenticationFailed => {
                    Self::Refused("it refuses the user or the password of its URL".to_owned())
                }
                _ if error.is_connection_dropped() => Self::closed(),
                _ => Self::Unreachable(error.to_string()),
            };
        };
        Self::Refused(match error.detail() {
            Some(detail) => format!("{code} {detail}"),
            None => code.to_owned(),
        })
    }
}
