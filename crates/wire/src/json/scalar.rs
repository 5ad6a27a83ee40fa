//! Strings and numbers as Go's `protojson` writes them.

use std::fmt::Display;
use std::io::Write as _;

/// Appends a 64-bit number as a string, which keeps it whole in JavaScript.
pub(super) fn integer(number: impl Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\"{number}\"");
}

/// The same for one of those of which there are many.
pub(super) fn whole(number: i64, out: &mut Vec<u8>) {
    quoted(itoa::Buffer::new().format(number), out);
}

/// Appends text that needs no escapes.
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Appends a string. Only quotes, backslashes and controls below 0x20 are
/// escaped.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // Without a way out of the loop it takes many bytes at a time.
    let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    if !bytes.iter().fold(false, |any, byte| any | escaped(byte)) {
        return quoted(text, out);
    }
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Appends a double: shortest digits that read back the same, an exponent below
/// 1e-6 and from 1e21 on; what is no number as a string.
pub(super) fn double(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        return quoted("NaN", out);
    }
    if number.is_infinite() {
        return quoted(
            if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            },
            out,
        );
    }
    let _ = if number == 0.0 || (1e-6..1e21).contains(&number.abs()) {
        write!(out, "{number}")
    } else if number.abs() < 1.0 {
        write!(out, "{number:e}")
    } else {
        // Go writes the sign of a positive exponent.
        write!(out, "{}", format!("{number:e}").replace('e', "e+"))
    };
}
