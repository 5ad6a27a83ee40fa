//! URLs of a Logplex channel's drains (spec logplex §5.1).
//!
//! | scheme | transport | port |
//! |---|---|---|
//! | `syslog`, and the aliases `tcpsyslog`, `syslog+tcp` | TCP, octet counting | 601 |
//! | `syslog+tls` | TLS, octet counting | 6514 |
//! | `udpsyslog`, and the alias `syslog+udp` | one datagram for each message | 514 |
//! | `http` | POST | 80 |
//! | `https` | POST | 443 |
//!
//! The fragment `insecure` turns the check of certificates off. Schemes are told apart by case,
//! and what follows the part that can be read is left out, both as the peer does. Ours is the
//! parameter `logweir-spool=true`, which is not sent: what is not delivered waits on disk.

#[cfg(test)]
mod tests;

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    secret::Secret,
    url::{Authority, Host, escape},
};

/// How a channel's drain is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, octet counting.
    Tcp,
    /// TLS, octet counting.
    Tls,
    /// A datagram for each message.
    Udp,
    /// POST without encryption.
    Http,
    /// POST.
    Https,
}

impl Transport {
    /// What statistics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcpsyslog",
            Self::Tls => "tlssyslog",
            Self::Udp => "udpsyslog",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// True if messages go in HTTP requests.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// True if the connection is encrypted.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Https)
    }

    fn of(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "syslog" | "tcpsyslog" | "syslog+tcp" => Self::Tcp,
            "syslog+tls" => Self::Tls,
            "udpsyslog" | "syslog+udp" => Self::Udp,
            "http" => Self::Http,
            "https" => Self::Https,
            _ => return None,
        })
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Tcp => 601,
            Self::Tls => 6514,
            Self::Udp => 514,
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn wrong(self) -> Why {
        match self {
            Self::Tcp => Why::TcpSyslogUri,
            Self::Tls => Why::TlsSyslogUri,
            Self::Udp => Why::UdpSyslogUri,
            Self::Http | Self::Https => Why::HttpUri,
        }
    }
}

/// Why a text names no drain. Shown as the API tells it, in the peer's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not a text at all. [`check`] never says so: for those who read JSON.
    #[error("invalid_url")]
    Url,
    /// Not a URI.
    #[error("invalid_uri")]
    Uri,
    /// `http` or `https` without a host, or with a port that is none.
    #[error("invalid_http_uri")]
    HttpUri,
    /// `syslog` without a host, or with a port that is none.
    #[error("invalid_tcpsyslog_uri")]
    TcpSyslogUri,
    /// `syslog+tls` without a host, or with a port that is none.
    #[error("invalid_tlssyslog_uri")]
    TlsSyslogUri,
    /// `udpsyslog` without a host, or with a port that is none.
    #[error("invalid_udpsyslog_uri")]
    UdpSyslogUri,
    /// A scheme that no drain has.
    #[error("{{unknown_scheme,\"{0}\"}}")]
    UnknownScheme(String),
}

/// A drain's URL, checked. Equal if they lead to the same place in the same way: a default port
/// is the same written or not. Never shows the user and the query, see
/// [`LogplexUrl::anonymous`].
#[derive(Clone)]
pub struct LogplexUrl {
    text: Secret,
    transport: Transport,
    host: Host,
    port: u16,
    target: Secret,
    user: Option<Secret>,
    insecure: bool,
    spools: bool,
    anonymous: String,
}

/// Reads a drain's URL.
///
/// # Errors
/// The reason, as the API tells it.
pub fn check(text: &str) -> Result<LogplexUrl, Why> {
    let text = readable(text);
    let (scheme, rest) = text.split_once(':').ok_or(Why::Uri)?;
    let mut letters = scheme.bytes();
    let starts = letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    if !starts || !letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
        return Err(Why::Uri);
    }
    let Some(transport) = Transport::of(scheme) else {
        return Err(Why::UnknownScheme(scheme.to_owned()));
    };
    let wrong = || transport.wrong();
    let rest = rest.strip_prefix("//").ok_or_else(wrong)?;
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (place, target) = rest.split_at(end);
    let authority = Authority::parse(place).map_err(|_| wrong())?;
    if !place.is_ascii() {
        return Err(wrong());
    }
    let host = authority.host.ok_or_else(wrong)?;
    let port = authority.port.unwrap_or_else(|| transport.default_port());
    let shown = match &host {
        Host::Ip(ip) if ip.is_ipv6() => format!("[{ip}]:{port}"),
        host => format!("{host}:{port}"),
    };
    let user = authority.user.filter(|user| !user.is_empty());
    let hidden = if user.is_some() { "xxx:yyy@" } else { "" };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let own = |pair: &&str| pair.starts_with("logweir-");
    let sent: Vec<&str> = query.split('&').filter(|pair| !own(pair)).collect();
    let sent = sent.join("&");
    Ok(LogplexUrl {
        text: Secret::new(normal(text, transport, authority.port.is_some())),
        transport,
        host,
        port,
        target: Secret::new(format!(
            "{}{}{sent}",
            if path.is_empty() { "/" } else { path },
            if sent.is_empty() { "" } else { "?" },
        )),
        user: user.map(Secret::new),
        insecure: fragment == "insecure",
        spools: query.split('&').any(|pair| pair == "logweir-spool=true"),
        anonymous: format!("{scheme}://{hidden}{shown}{}", hashed(path)),
    })
}

impl LogplexUrl {
    /// How the drain is spoken to.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whom to connect to, and which name its certificate must carry.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port: the one written, or the scheme's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the receiver's certificate is believed unseen.
    pub fn insecure(&self) -> bool {
        self.insecure
    }

    /// Whether what is not delivered waits on disk.
    pub fn spools(&self) -> bool {
        self.spools
    }

    /// The URL as the API gives it back: as written, with the port of a syslog scheme filled in.
    /// Never for logs.
    pub fn reveal(&self) -> &str {
        self.text.reveal()
    }

    /// The URL without what may be a secret: `xxx:yyy` for a user, a short hash for a path,
    /// nothing of the query. For logs, metrics and messages.
    pub fn anonymous(&self) -> &str {
        &self.anonymous
    }

    /// Path and query of the requests, as written.
    pub fn request_target(&self) -> &Secret {
        &self.target
    }

    /// The `Host` header: with a port where it is not the scheme's.
    pub fn host_header(&self) -> String {
        let host = match &self.host {
            Host::Ip(ip) if ip.is_ipv6() => format!("[{ip}]"),
            host => host.to_string(),
        };
        match self.port == self.transport.default_port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    /// The `Authorization` header of a URL with a user: split at the first colon, each part
    /// without its escapes. The peer leaves escapes as they are and loses an empty name.
    pub fn authorization(&self) -> Option<Secret> {
        let user = self.user.as_ref()?.reveal();
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        let mut pair = escape::decode(name, false).unwrap_or_default();
        pair.push(b':');
        pair.extend(escape::decode(password, false).unwrap_or_default());
        let pair = BASE64_STANDARD.encode(pair);
        Some(Secret::new(format!("Basic {pair}")))
    }
}

impl PartialEq for LogplexUrl {
    fn eq(&self, other: &Self) -> bool {
        let way = |url: &Self| (url.transport, url.port, url.insecure, url.spools);
        way(self) == way(other)
            && self.host == other.host
            && self.target == other.target
            && self.user == other.user
    }
}

impl Eq for LogplexUrl {}

impl fmt::Display for LogplexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.anonymous)
    }
}

impl fmt::Debug for LogplexUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogplexUrl({})", self.anonymous)
    }
}

/// The part of a text that can stand in a URI. A cut in the middle of a host would lead
/// elsewhere than was meant: there, all of the text stays and is refused.
fn readable(text: &str) -> &str {
    let text = text.trim();
    let stands = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let cut = text.find(|c| !stands(c)).unwrap_or(text.len());
    let whole = &text[..cut];
    let after_place = whole
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
    if after_place { whole } else { text }
}

/// The text with the port that a syslog scheme means.
fn normal(text: &str, transport: Transport, port_written: bool) -> String {
    if port_written || transport.is_http() {
        return text.to_owned();
    }
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']);
    let end = end.map_or(text.len(), |at| start + at);
    let place = text[..end].trim_end_matches(':');
    format!("{place}:{}{}", transport.default_port(), &text[end..])
}

/// A path may hold a token, and tells drains of one host apart: a short hash stands for it.
fn hashed(path: &str) -> String {
    match path {
        "" | "/" => path.to_owned(),
        path => {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, path.as_bytes());
            format!("/~{}", hex::encode(&hash.as_ref()[..4]))
        }
    }
}
