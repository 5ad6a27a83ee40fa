//! Where a Redis server is, and who we are to it.

use std::fmt;

use logweir_net::resolve::Target;
use percent_encoding::percent_decode_str;
use redis::{ProtocolVersion, RedisConnectionInfo};

/// Redis' own port.
const PORT: u16 = 6379;

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE][#NAME]`, or `rediss` for TLS, in which the
/// certificate must be the host's and of an authority that the system believes.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Host and port.
    pub(super) target: Target,
    /// Whose certificate it must be; none without TLS.
    pub(super) tls: Option<String>,
    /// Name and password; the name may be empty.
    credential: Option<(String, String)>,
    /// Which of its databases.
    database: u32,
    /// What shards are sorted by: the fragment, or else the whole URL.
    sort_key: String,
}

/// Why a URL names no Redis server. It is not repeated: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Neither `redis:` nor `rediss:`.
    #[error("must begin with redis:// or rediss://")]
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
        let encrypted = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(RedisUrlError::Scheme),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(RedisUrlError::Host)?;
        let port = url.port().unwrap_or(PORT);
        let target = format!("{host}:{port}").parse();
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| RedisUrlError::Database)?,
        };
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credential = url
            .password()
            .map(|password| (decoded(url.username()), decoded(password)));
        Ok(Self {
            target: target.map_err(|_| RedisUrlError::Host)?,
            tls: encrypted.then(|| name.to_owned()),
            credential,
            database,
            sort_key: url.fragment().unwrap_or(text).to_owned(),
        })
    }

    /// What is said first on a connection: to servers of Logplex's age too, so that they are not
    /// asked for RESP3 and not told which library this is.
    pub(super) fn login(&self) -> RedisConnectionInfo {
        let login = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name()
            .set_db(self.database.into());
        match &self.credential {
            None => login,
            Some((name, password)) if name.is_empty() => login.set_password(password),
            Some((name, password)) => login.set_username(name).set_password(password),
        }
    }

    /// What shards are sorted by.
    pub fn sort_key(&self) -> &str {
        &self.sort_key
    }
}

/// Without the credential.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        write!(f, "{scheme}://{}/{}", self.target, self.database)
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
        assert_eq!(url.tls, None);
        let url = RedisUrl::parse("rediss://:secret@[::1]:7/1").unwrap();
        assert_eq!(url.to_string(), "rediss://[::1]:7/1");
        assert_eq!(url.tls.as_deref(), Some("::1"));
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
