//! The grammar of drain URLs (spec agents-and-drains §3).
//!
//! | scheme | transport | port |
//! |---|---|---|
//! | `syslog` | TCP, octet counting | must be given |
//! | `syslog-tls` | TLS, octet counting | 6514 |
//! | `syslog-udp` | one datagram for each message; ours | 514 |
//! | `https` | a POST for each message | 443 |
//! | `https-batch` | a POST for many messages | 443 |
//!
//! A URL is read as Go's `net/url` reads it: what the peers refuse is refused here, and what
//! they take means the same. Everything in it but scheme, host and port may be a credential, so
//! a [`DrainUrl`] shows itself only as [`DrainUrl::anonymous`].

mod authority;
pub(crate) mod escape;
mod params;
mod syntax;
mod target;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use authority::Authority;
pub use authority::Host;
pub use params::{DrainData, Params, UrlDefaults, params};

use crate::secret::Secret;
use http::{HeaderName, HeaderValue};

/// How a drain is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// TCP, octet counting (RFC 6587).
    Syslog,
    /// TLS, octet counting (RFC 5425).
    SyslogTls,
    /// UDP, a datagram for each message (RFC 5426). The peers have none.
    SyslogUdp,
    /// A POST for each message.
    Https,
    /// A POST for many messages.
    HttpsBatch,
}

impl Scheme {
    /// As it stands in the URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syslog => "syslog",
            Self::SyslogTls => "syslog-tls",
            Self::SyslogUdp => "syslog-udp",
            Self::Https => "https",
            Self::HttpsBatch => "https-batch",
        }
    }

    /// True if messages go in HTTP requests.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Https | Self::HttpsBatch)
    }

    /// True if the connection is encrypted.
    pub fn is_tls(self) -> bool {
        self.is_http() || self == Self::SyslogTls
    }

    fn of(name: &str) -> Option<Self> {
        [
            Self::Syslog,
            Self::SyslogTls,
            Self::SyslogUdp,
            Self::Https,
            Self::HttpsBatch,
        ]
        .into_iter()
        .find(|scheme| scheme.name() == name)
    }

    /// Where such receivers listen. Plain syslog over TCP has no registered port.
    fn default_port(self) -> Option<u16> {
        match self {
            Self::Syslog => None,
            Self::SyslogTls => Some(6514),
            Self::SyslogUdp => Some(514),
            Self::Https | Self::HttpsBatch => Some(443),
        }
    }
}

/// Why a URL names no drain. The texts are those that the peers tell the app, where they have
/// one; none shows more of the URL than [`DrainUrl::anonymous`] does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL.
    #[error("Cannot parse syslog drain URL.")]
    Syntax(&'static str),
    /// A scheme that no drain has.
    #[error("Invalid Scheme {scheme} for syslog drain url {url}")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The URL, redacted.
        url: String,
    },
    /// No host.
    #[error("No hostname found in syslog drain url {0}")]
    NoHost(String),
    /// Neither a port in the URL nor one that everybody knows.
    #[error("No port found in syslog drain url {0}")]
    NoPort(String),
    /// Source types to include and to exclude.
    #[error(
        "include-log-types and exclude-log-types cannot be used at the same time in syslog drain url {0}"
    )]
    BothFilters(String),
    /// Source types that do not exist.
    #[error("Unknown source types '{types}' in source type filter in syslog drain url {url}")]
    UnknownTypes {
        /// The types, as written.
        types: String,
        /// The URL, redacted.
        url: String,
    },
    /// A header that cannot be sent.
    #[error("Invalid header {name} for syslog drain url {url}")]
    Header {
        /// Its name.
        name: String,
        /// The URL, redacted.
        url: String,
    },
}

/// A drain's URL, checked. Equal if written the same and read with the same defaults.
#[derive(Clone, PartialEq, Eq)]
pub struct DrainUrl {
    text: Secret,
    scheme: Scheme,
    host: Host,
    port: u16,
    /// The port was written, so it goes into the `Host` header.
    port_written: bool,
    path: Secret,
    query: Secret,
    user: Option<Secret>,
    params: Params,
    anonymous: String,
}

impl DrainUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// In the order in which the binding cache of the peers looks: not a URL, an unknown
    /// scheme, no host, a wrong filter; then ours: no port, a wrong header.
    pub fn parse(text: &str, defaults: &UrlDefaults) -> Result<Self, UrlError> {
        let parts = syntax::split(text)?;
        let anonymous = parts.anonymous();
        let Some(scheme) = Scheme::of(&parts.scheme) else {
            return Err(UrlError::Scheme {
                scheme: parts.scheme.clone(),
                url: anonymous,
            });
        };
        let Some(host) = parts.authority.host.clone() else {
            return Err(UrlError::NoHost(anonymous));
        };
        let params = params::read(parts.query, defaults, &anonymous)?;
        let written = parts.authority.port;
        let Some(port) = written.or(scheme.default_port()) else {
            return Err(UrlError::NoPort(anonymous));
        };
        Ok(Self {
            text: Secret::new(text),
            scheme,
            host,
            port,
            port_written: written.is_some(),
            path: Secret::new(parts.path),
            query: Secret::new(parts.query),
            user: parts.authority.user.map(Secret::new),
            params,
            anonymous,
        })
    }

    /// How the drain is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom to connect to, and which name its certificate must carry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port: the one written, or the scheme's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the query asks for.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The URL without what may be a secret: no user, no query, and of a path only a short
    /// hash that tells drains of one host apart, as in `https://h:443/~5f3a9c1e`. For logs,
    /// metrics and messages.
    pub fn anonymous(&self) -> &str {
        &self.anonymous
    }

    /// The URL as it was given. Never for logs.
    pub fn reveal(&self) -> &str {
        self.text.reveal()
    }

    /// Headers that the URL asks for (`logweir-header`), for every request.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.params.headers
    }
}

impl fmt::Display for DrainUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.anonymous)
    }
}

impl fmt::Debug for DrainUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DrainUrl({})", self.anonymous)
    }
}
