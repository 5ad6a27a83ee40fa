//! Where a Redis server is, and who we are to it.

use std::fmt;

use logweir_net::resolve::Target;
use percent_encoding::percent_decode_str;

/// Redis' own port.
const PORT: u16 = 6379;

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE][#NAME]`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Host and port.
    pub(super) target: Target,
    /// Name and password; the name may be empty.
    pub(super) credential: Option<(String, String)>,
    /// Which of its databases.
    pub(super) database: u32,
    /// What shards are sorted by: the fragment, or else the whole URL.
    sort_key: String,
}

/// Why a URL names no Redis server. It is not repeated: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Not `redis:`.
    #[error("must begin with redis://")]
    Scheme,
    /// Nobody to ask.
    #[error("names no host")]
    Host,
    /// The path.
    #[error("its path must be the number of a database, or empty")]
    Database,
}

impl RedisUrl {
    /// Reads one.
    ///
    /// # Errors
    /// As [`RedisUrlError`] says.
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let url = url::Url::parse(text).map_err(|_| RedisUrlError::Scheme)?;
        if url.scheme() != "redis" {
            return Err(RedisUrlError::Scheme);
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(RedisUrlError::Host)?;
        let port = url.port().unwrap_or(PORT);
        let target = format!("{host}:{port}").parse();
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| RedisUrlError::Database)?,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credential = url
            .password()
            .map(|password| (decoded(url.username()), decoded(password)));
        Ok(Self {
            target: target.map_err(|_| RedisUrlError::Host)?,
            credential,
            database,
            sort_key: url.fragment().unwrap_or(text).to_owned(),
        })
    }

    /// What shards are sorted by.
    pub fn sort_key(&self) -> &str {
        &self.sort_key
    }
}

/// Without the credential.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis://{}/{}", self.target, self.database)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_its_parts_are_read_and_the_password_is_not_shown() {
        let url = RedisUrl::parse("redis://me:p%40ss@db.example:7000/3#two").unwrap();
        assert_eq!(url.to_string(), "redis://db.example:7000/3");
        assert_eq!(url.credential, Some(("me".into(), "p@ss".into())));
        assert_eq!(url.sort_key(), "two");
        let url = RedisUrl::parse("redis://:secret@[::1]").unwrap();
        assert_eq!(url.to_string(), "redis://[::1]:6379/0");
        assert_eq!(url.credential, Some((String::new(), "secret".into())));
    }

    #[test]
    fn what_is_none_is_told_without_repeating_it() {
        for (text, error) in [
            ("localhost:6379", RedisUrlError::Scheme),
            ("http://localhost", RedisUrlError::Scheme),
            ("redis://", RedisUrlError::Host),
            ("redis://host/x", RedisUrlError::Database),
        ] {
            assert_eq!(RedisUrl::parse(text), Err(error), "{text}");
        }
    }
}
