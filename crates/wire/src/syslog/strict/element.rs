//! Structured data.

use std::borrow::Cow;

use super::Malformed;

/// The longest id, and the longest name of a parameter.
const NAME: usize = 32;

/// One element, `[ID NAME="VALUE" …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its id, with what follows the `@`.
    pub id: &'a str,
    /// Names and values, in order.
    pub parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl Element<'_> {
    /// The value of a parameter; of a repeated one the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().rfind(|found| found.0 == name);
        found.map(|(_, value)| value.as_ref())
    }
}

/// Reads structured data and returns it with what follows.
pub(super) fn elements(bytes: &[u8]) -> Result<(Vec<Element<'_>>, &[u8]), Malformed> {
    if let [b'-', rest @ ..] = bytes {
        return Ok((Vec::new(), rest));
    }
    let mut found: Vec<Element<'_>> = Vec::new();
    let mut rest = bytes;
    while let Some(inner) = rest.strip_prefix(b"[") {
        let (element, tail) = element(inner).ok_or(Malformed::Elements)?;
        if found.iter().any(|known| known.id == element.id) {
            return Err(Malformed::SameId);
        }
        found.push(element);
        rest = tail;
    }
    match found.is_empty() {
        true => Err(Malformed::Elements),
        false => Ok((found, rest)),
    }
}

/// Reads an element after its bracket.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (id, mut rest) = name(bytes)?;
    let mut parameters = Vec::new();
    loop {
        match rest {
            [b']', tail @ ..] => return Some((Element { id, parameters }, tail)),
            [b' ', tail @ ..] => {
                let (name, tail) = name(tail)?;
                let (value, tail) = value(tail.strip_prefix(b"=\"")?)?;
                parameters.push((name, value));
                rest = tail;
            }
            _ => return None,
        }
    }
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let fits = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"');
    let length = bytes.iter().take_while(|byte| fits(byte)).count();
    let (name, rest) = bytes.split_at(length);
    let name = std::str::from_utf8(name).ok()?;
    (1..=NAME).contains(&length).then_some((name, rest))
}

/// Reads a value after its quote: UTF-8, in which `"`, `\` and `]` are escaped, and nothing
/// else is.
fn value(bytes: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let mut escapes = 0;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b']' => return None,
            b'\\' => {
                if !matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')) {
                    return None;
                }
                escapes += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let raw = std::str::from_utf8(&bytes[..at]).ok()?;
    let rest = &bytes[at + 1..];
    if escapes == 0 {
        return Some((raw.into(), rest));
    }
    let mut plain = String::with_capacity(raw.len() - escapes);
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        // Every backslash is the first half of an escape.
        plain.extend(match letter {
            '\\' => letters.next(),
            letter => Some(letter),
        });
    }
    Some((plain.into(), rest))
}
