//! What an HTTPS drain's URL becomes in a request (spec agents-and-drains §4.1).

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{DrainUrl, Host, escape, params};
use crate::secret::Secret;

impl DrainUrl {
    /// Path and query of the requests: the path decoded, its dot segments and double slashes
    /// removed, and encoded again, as the peers' client does; the query byte for byte but for
    /// our own parameters and what cannot stand in a request line.
    pub fn request_target(&self) -> Secret {
        let path = escape::decode(self.path.reveal(), false).unwrap_or_default();
        let mut target = String::new();
        escape::encode(&normal(path), stands_in_path, &mut target);
        let mut separator = '?';
        for pair in self.query.reveal().split('&') {
            let own = params::pair(pair).is_some_and(|(name, _)| name.starts_with(params::OWN));
            if own || (separator == '?' && pair.is_empty()) {
                continue;
            }
            target.push(separator);
            separator = '&';
            escape::encode(pair.as_bytes(), stands_in_query, &mut target);
        }
        Secret::new(target)
    }

    /// The `Host` header: in lower case, with a port where the URL has one.
    pub fn host_header(&self) -> String {
        let host = match &self.host {
            Host::Ip(ip) if ip.is_ipv6() => format!("[{ip}]"),
            host => host.to_string(),
        };
        match self.port_written {
            true => format!("{host}:{}", self.port),
            false => host,
        }
    }

    /// The `Authorization` header of a URL with a user. The peers do not undo escapes in user
    /// and password, so neither do we unless `logweir-decode-user=true` asks for it.
    pub fn authorization(&self) -> Option<Secret> {
        let user = self.user.as_ref()?.reveal();
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        if name.is_empty() {
            return None;
        }
        let mut pair = Vec::new();
        for (part, end) in [(name, ":"), (password, "")] {
            let decoded = escape::decode(part, false).unwrap_or_default();
            if self.params.decode_user {
                pair.extend(decoded);
            } else {
                let mut encoded = String::new();
                escape::encode(&decoded, stands_in_user, &mut encoded);
                pair.extend(encoded.into_bytes());
            }
            pair.extend(end.bytes());
        }
        Some(Secret::new(format!(
            "Basic {}",
            BASE64_STANDARD.encode(pair)
        )))
    }
}

/// A path with one leading slash, no empty and no dot segments.
fn normal(path: Vec<u8>) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let all = path
        .split(|byte| *byte == b'/')
        .filter(|segment| !segment.is_empty());
    let mut last = b"".as_slice();
    for segment in all {
        last = segment;
        match segment {
            b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut out = vec![b'/'];
    out.extend(segments.join(&b'/'));
    // A directory stays one, and so does what a last dot segment leads to.
    if out.len() > 1 && (path.ends_with(b"/") || matches!(last, b"." | b"..")) {
        out.push(b'/');
    }
    out
}

fn stands_in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"$&+,-./:;=@_~".contains(&byte)
}

/// All that an HTTP request line can carry.
fn stands_in_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>#".contains(&byte)
}

fn stands_in_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,;=".contains(&byte)
}
