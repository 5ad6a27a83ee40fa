//! A URL taken apart, by the rules of Go's `net/url`.

use aws_lc_rs::digest::{SHA256, digest};

use super::{UrlError, authority::Authority, escape};

/// The parts of a URL. `path` and `query` are as sent.
pub(super) struct Parts<'a> {
    /// In lower case; empty without one.
    pub(super) scheme: String,
    pub(super) authority: Authority<'a>,
    pub(super) path: &'a str,
    /// Without its `?`; empty without one.
    pub(super) query: &'a str,
}

/// Takes a URL apart.
pub(super) fn split(text: &str) -> Result<Parts<'_>, UrlError> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(UrlError::Syntax("a control character"));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    if escape::decode(fragment, false).is_none() {
        return Err(UrlError::Syntax("a broken escape in the fragment"));
    }
    let (scheme, rest) = scheme(rest)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut parts = Parts {
        scheme: scheme.to_ascii_lowercase(),
        authority: Authority::default(),
        path: rest,
        query,
    };
    if !rest.starts_with('/') {
        let first = rest.split('/').next().unwrap_or_default();
        if parts.scheme.is_empty() && first.contains(':') {
            return Err(UrlError::Syntax("a colon before the path"));
        }
        // With a scheme it is an address of another kind (`mailto:`): no host, no path.
        if !parts.scheme.is_empty() {
            parts.path = "";
            return Ok(parts);
        }
    } else if let Some(after) = rest.strip_prefix("//")
        && (!parts.scheme.is_empty() || !after.starts_with('/'))
    {
        let end = after.find('/').unwrap_or(after.len());
        parts.authority = Authority::parse(&after[..end])?;
        parts.path = &after[end..];
    }
    if escape::decode(parts.path, false).is_none() {
        return Err(UrlError::Syntax("a broken escape in the path"));
    }
    Ok(parts)
}

/// What is before the first colon, if it has the form of a scheme.
fn scheme(text: &str) -> Result<(&str, &str), UrlError> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(UrlError::Syntax("no scheme")),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

impl Parts<'_> {
    /// The URL without what may be a secret. A path may hold a token, and tells drains of one
    /// host apart: a short hash stands for it.
    pub(super) fn anonymous(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push(':');
        }
        let place = self.authority.place;
        if !place.is_empty() {
            text.push_str("//");
            text.push_str(place);
        }
        match self.path {
            "" => {}
            "/" => text.push('/'),
            path => {
                let hash = digest(&SHA256, path.as_bytes());
                text.push_str("/~");
                text.push_str(&hex::encode(&hash.as_ref()[..4]));
            }
        }
        text
    }
}
