//! The path of a URL, as Go's `url.Parse` finds it.

/// The path, unescaped; none of a text that is no URL.
pub(super) fn path(uri: &str) -> Option<String> {
    if uri.bytes().any(|byte| byte < 0x20 || byte == 0x7F) {
        return None;
    }
    let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
    let (absolute, rest) = match scheme(uri)? {
        Some(length) => (true, &uri[length + 1..]),
        None => (false, uri),
    };
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    if absolute && !rest.starts_with('/') {
        // Opaque, as `mailto:somebody`.
        return Some(String::new());
    }
    let path = match rest.strip_prefix("//") {
        Some(after) => match after.find('/') {
            Some(at) => &after[at..],
            None => "",
        },
        None => rest,
    };
    let first = path.split('/').next().unwrap_or_default();
    if !absolute && first.contains(':') {
        return None;
    }
    unescape(path)
}

/// The length of the scheme, if there is one. Nothing of a text that begins with a colon.
fn scheme(uri: &str) -> Option<Option<usize>> {
    for (at, byte) in uri.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' => return (at > 0).then_some(Some(at)),
            _ => return Some(None),
        }
    }
    Some(None)
}

fn unescape(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut plain = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        };
        plain.push(byte);
    }
    Some(String::from_utf8_lossy(&plain).into_owned())
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn paths_are_those_of_go() {
        for (uri, found) in [
            ("/v2/apps?page=1#top", Some("/v2/apps")),
            ("http://example.com/a%20b?c", Some("/a b")),
            ("http://example.com", Some("")),
            ("https://user@[::1]:8080/x/y", Some("/x/y")),
            ("//host/path", Some("/path")),
            ("", Some("")),
            ("mailto:somebody", Some("")),
            ("relative/a:b", Some("relative/a:b")),
            ("1:2", None),
            (":2", None),
            ("/%zz", None),
            ("/%4", None),
            ("/a\nb", None),
        ] {
            assert_eq!(path(uri).as_deref(), found, "{uri:?}");
        }
    }
}
