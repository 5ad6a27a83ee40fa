//! Values as Go reads them, and its words for those that it cannot read.

/// `strconv.ParseInt(text, 10, 64)`.
pub(super) fn integer(text: &str) -> Result<i64, String> {
    let wrong = |why| Err(format!("strconv.ParseInt: parsing {}: {why}", quoted(text)));
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("invalid syntax");
    }
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => wrong("value out of range"),
    }
}

/// `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quoted(text)
        )),
    }
}

/// `strconv.Quote`.
pub(in crate::log_cache) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0b' => quoted.push_str("\\v"),
            '\x0c' => quoted.push_str("\\f"),
            _ if letter.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(letter)));
            }
            _ if letter.is_control() => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// The names and values of a query or form, in order, as `url.ParseQuery` reads them.
/// Bytes that are no UTF-8 become U+FFFD.
///
/// # Errors
/// Go's words for the first field that cannot be read.
pub(super) fn form(query: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return Err("invalid semicolon separator in query".into());
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.push((unescaped(name, true)?, unescaped(value, true)?));
    }
    Ok(fields)
}

/// `url.PathUnescape`, or with `plus` `url.QueryUnescape`.
pub(in crate::log_cache) fn unescaped(text: &str, plus: bool) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digits = bytes.get(at..at + 2).and_then(|pair| {
                    let digit = |byte: u8| char::from(byte).to_digit(16);
                    u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()
                });
                let Some(letter) = digits else {
                    let broken = &bytes[at - 1..bytes.len().min(at + 2)];
                    let broken = quoted(&String::from_utf8_lossy(broken));
                    return Err(format!("invalid URL escape {broken}"));
                };
                plain.push(letter);
                at += 2;
            }
            b'+' if plus => plain.push(b' '),
            other => plain.push(other),
        }
    }
    Ok(match String::from_utf8(plain) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_go_reads_them() {
        assert_eq!(integer("+5"), Ok(5));
        assert_eq!(integer("-5"), Ok(-5));
        assert_eq!(integer("007"), Ok(7));
        assert_eq!(integer("-9223372036854775808"), Ok(i64::MIN));
        for (text, why) in [
            ("", "invalid syntax"),
            ("+", "invalid syntax"),
            ("--1", "invalid syntax"),
            (" 5", "invalid syntax"),
            ("0x10", "invalid syntax"),
            ("1_0", "invalid syntax"),
            ("1.0", "invalid syntax"),
            ("9223372036854775808", "value out of range"),
        ] {
            let told = format!("strconv.ParseInt: parsing \"{text}\": {why}");
            assert_eq!(integer(text), Err(told));
        }
    }

    #[test]
    fn quotes_are_gos() {
        let text = "a\"b\\c\n\t\0\x7f\u{85}é\x07";
        assert_eq!(quoted(text), r#""a\"b\\c\n\t\x00\x7f\u0085é\a""#);
    }

    #[test]
    fn forms_are_read_whole_or_not_at_all() {
        let pairs = form("a=1&&b&a=%32+x&=v").unwrap();
        let expected = [("a", "1"), ("b", ""), ("a", "2 x"), ("", "v")];
        assert_eq!(pairs, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let told = |query| form(query).unwrap_err();
        assert_eq!(told("a=%zz"), "invalid URL escape \"%zz\"");
        assert_eq!(told("a=%4"), "invalid URL escape \"%4\"");
        assert_eq!(told("a=%"), "invalid URL escape \"%\"");
        assert_eq!(told("a=1;b=2"), "invalid semicolon separator in query");
        assert_eq!(unescaped("a+b%2B%ff", false).unwrap(), "a+b+\u{fffd}");
    }
}
