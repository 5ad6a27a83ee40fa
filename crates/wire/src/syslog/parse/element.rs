//! Structured data.

use std::borrow::Cow;

/// One element, `[ID NAME="VALUE" …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Element<'_> {
    /// The value of a parameter; of a repeated one the last.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().rfind(|found| found.0 == name);
        found.map(|(_, value)| value.as_ref())
    }
}

/// Reads structured data (`-` is none) and returns it with what follows. None if it is
/// not well-formed, or there is nothing.
pub(super) fn elements(bytes: &[u8]) -> Option<(Vec<Element<'_>>, &[u8])> {
    if let [b'-', rest @ ..] = bytes {
        return (rest.is_empty() || rest[0] == b' ').then_some((Vec::new(), rest));
    }
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(inner) = rest.strip_prefix(b"[") {
        let (element, tail) = element(inner)?;
        found.push(element);
        rest = tail;
    }
    (!found.is_empty()).then_some((found, rest))
}

/// Reads an element after its bracket.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b' ' | b']'))?;
    let (id, mut rest) = bytes.split_at(end);
    if id.is_empty() || id.iter().any(|byte| matches!(byte, b'"' | b'=')) {
        return None;
    }
    let mut element = Element {
        id: String::from_utf8_lossy(id),
        parameters: Vec::new(),
    };
    loop {
        rest = rest.trim_ascii_start();
        if let [b']', tail @ ..] = rest {
            return Some((element, tail));
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = rest.split_at(equals);
        if name
            .iter()
            .any(|byte| matches!(byte, b'"' | b']') || byte.is_ascii_whitespace())
        {
            return None;
        }
        let (value, tail) = quoted(value.strip_prefix(b"=\"")?)?;
        element
            .parameters
            .push((String::from_utf8_lossy(name), value));
        rest = tail;
    }
}

/// Reads a value after its quote. A backslash stands for itself unless `"`, `\` or `]`
/// follows (RFC 5424 §6.3.3).
fn quoted(bytes: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let mut escaped = false;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')) => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let (raw, rest) = (&bytes[..at], &bytes[at + 1..]);
    if !escaped {
        return Some((String::from_utf8_lossy(raw), rest));
    }
    let mut plain = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.next_if(|next| byte == b'\\' && matches!(next, b'"' | b'\\' | b']'));
        plain.push(next.unwrap_or(byte));
    }
    Some((
        Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
        rest,
    ))
}
