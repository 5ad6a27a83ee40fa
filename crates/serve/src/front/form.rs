//! Fields of queries and forms, as Go's `net/url` reads them.

/// `%xx`, and `+` for a space. `None` for a percent sign without two hex digits.
pub(crate) fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    let digit = |byte: Option<&u8>| {
        let digit = char::from(*byte?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    while let Some(&byte) = rest.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => other,
        });
    }
    Some(plain)
}

/// A field's name and value; `None` for one with a semicolon or a broken escape.
pub(crate) fn field(pair: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if pair.contains(&b';') {
        return None;
    }
    let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(end) => (&pair[..end], &pair[end + 1..]),
        None => (pair, &[][..]),
    };
    Some((unescape(name)?, unescape(value)?))
}

/// The fields of a query, in order; those that cannot be read are left out.
pub(crate) fn fields(query: &str) -> impl Iterator<Item = (String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| field(pair.as_bytes()))
        .map(move |(name, value)| (text(name), text(value)))
}

/// The first value of a query's field.
pub(crate) fn first(query: Option<&str>, name: &str) -> Option<String> {
    let (_, value) = fields(query?).find(|(key, _)| key == name)?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_go_reads_them() {
        let query = "a=1&&a=2&b&c=%41+%c3%a9&d=%zz&e=%4&f;g=1&%61b=x%3Dy&=v";
        let read: Vec<_> = fields(query).collect();
        let expected = [
            ("a", "1"),
            ("a", "2"),
            ("b", ""),
            ("c", "A é"),
            ("ab", "x=y"),
            ("", "v"),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(read, expected);
        assert_eq!(first(Some(query), "a"), Some("1".into()));
        assert_eq!(first(Some(query), "d"), None);
        assert_eq!(first(None, "a"), None);
    }
}
