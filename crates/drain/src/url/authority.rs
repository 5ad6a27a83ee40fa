//! `user:password@host:port`

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use super::{UrlError, escape};

/// A drain's host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    /// A name, or an address without brackets: what a resolver and a certificate's check take.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// What is between `//` and the path.
#[derive(Default)]
pub(crate) struct Authority<'a> {
    /// As written, escapes and all.
    pub(crate) user: Option<&'a str>,
    pub(crate) host: Option<Host>,
    pub(crate) port: Option<u16>,
    /// Host and port as written.
    pub(crate) place: &'a str,
}

impl<'a> Authority<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, UrlError> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        if let Some(user) = user
            && (!user.bytes().all(may_stand_in_user) || escape::decode(user, false).is_none())
        {
            return Err(UrlError::Syntax("a user that must be escaped"));
        }
        let (host, port) = if place.starts_with('[') {
            let end = place.find(']').ok_or(UrlError::Syntax("a [ without ]"))?;
            let port = match &place[end + 1..] {
                "" => "",
                rest => rest
                    .strip_prefix(':')
                    .ok_or(UrlError::Syntax("no colon after ]"))?,
            };
            let ip: Ipv6Addr = place[1..end]
                .parse()
                .map_err(|_| UrlError::Syntax("no IPv6 address between [ and ]"))?;
            (Some(Host::Ip(ip.into())), port)
        } else {
            let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
            (name(host)?, port)
        };
        Ok(Self {
            user,
            host,
            port: number(port)?,
            place,
        })
    }
}

fn name(host: &str) -> Result<Option<Host>, UrlError> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
    if !host.chars().all(|c| known(c) || !c.is_ascii()) {
        return Err(UrlError::Syntax("a character that no host has"));
    }
    Ok(match host.parse::<IpAddr>() {
        _ if host.is_empty() => None,
        Ok(ip) => Some(Host::Ip(ip)),
        Err(_) => Some(Host::Name(host.to_ascii_lowercase())),
    })
}

/// A port, none if there is nothing after the colon.
fn number(port: &str) -> Result<Option<u16>, UrlError> {
    let wrong = UrlError::Syntax("a port that is none");
    if port.is_empty() {
        return Ok(None);
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(wrong),
        Ok(port) => Ok(Some(port)),
    }
}

fn may_stand_in_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
}
