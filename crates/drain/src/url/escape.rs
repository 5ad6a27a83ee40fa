//! Percent escapes, as Go reads and writes them.

use std::fmt::Write as _;

/// Undoes escapes; with `plus`, a `+` is a blank. `None` at a `%` that no two digits follow.
pub(crate) fn decode(text: &str, plus: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    Some(out)
}

/// [`decode`] into text; what is no UTF-8 is replaced.
pub(crate) fn decode_text(text: &str, plus: bool) -> Option<String> {
    decode(text, plus).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes bytes, escaping those that are not `plain`.
pub(crate) fn encode(bytes: &[u8], plain: impl Fn(u8) -> bool, out: &mut String) {
    for byte in bytes {
        if byte.is_ascii() && plain(*byte) {
            out.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
