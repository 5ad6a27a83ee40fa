//! Quoted texts, with Go's escapes.

/// Reads the quoted text at the start of `rest`: its value and its length with quotes.
pub(super) fn unquote(rest: &str) -> Result<(String, usize), String> {
    let quote = rest.chars().next().unwrap_or_default();
    let unterminated = || "unterminated quoted string".to_owned();
    if quote == '`' {
        let inside = rest.get(1..).and_then(|tail| tail.split_once('`'));
        let (inside, _) = inside.ok_or("unterminated raw string")?;
        return Ok((inside.to_owned(), inside.len() + 2));
    }
    let mut bytes = Vec::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, ch)) = chars.next() {
        match ch {
            '\n' => return Err(unterminated()),
            ch if ch == quote => {
                return Ok((String::from_utf8_lossy(&bytes).into_owned(), at + 1));
            }
            '\\' => {
                let tail = rest.get(at + 1..).unwrap_or_default();
                let length = escape(tail, quote, &mut bytes)?;
                // An escape is all ASCII: its bytes are its characters.
                for _ in 0..length {
                    chars.next();
                }
            }
            ch => bytes.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err(unterminated())
}

/// Reads what follows a backslash and tells how long it is.
fn escape(tail: &str, quote: char, out: &mut Vec<u8>) -> Result<usize, String> {
    let kind = tail
        .chars()
        .next()
        .ok_or("escape sequence not terminated")?;
    let simple = match kind {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' => Some(b'\\'),
        '\'' if quote == '\'' => Some(b'\''),
        '"' if quote == '"' => Some(b'"'),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return Ok(1);
    }
    let unknown = || format!("unknown escape sequence U+{:04X} {kind:?}", u32::from(kind));
    let (from, digits, radix) = match kind {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return Err(unknown()),
    };
    let value = tail
        .get(from..from + digits)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .ok_or("escape sequence not terminated")?;
    match (kind, u8::try_from(value), char::from_u32(value)) {
        ('u' | 'U', _, Some(ch)) => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
        ('u' | 'U', _, None) => {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        (_, Ok(byte), _) => out.push(byte),
        (_, Err(_), _) => return Err(unknown()),
    }
    Ok(from + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_gos() {
        let read = |text: &str| unquote(text).map(|(value, _)| value);
        assert_eq!(read(r#""a\n\x41\u00e9\101\"" x"#).unwrap(), "a\nA\u{e9}A\"");
        assert_eq!(read(r"`a\n`").unwrap(), r"a\n");
        assert!(read(r#""\'""#).is_err());
        assert!(read("\"a").is_err());
        assert!(read("\"\\x4\"").is_err());
    }
}
