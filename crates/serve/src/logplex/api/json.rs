//! JSON as Logplex writes it: compact, keys in order, names repeated where there are several.

use std::fmt::Write;

/// A text with its quotes.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `{"a":1}` of names and values that are JSON already.
pub(super) fn object<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs = pairs.into_iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{}:{value}", string(name)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// `[1,2]` of values that are JSON already.
pub(super) fn array(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<_> = values.into_iter().collect();
    format!("[{}]", values.join(","))
}

/// The same JSON with `\uXXXX` for all that is not ASCII, as v1 and v2 have it.
pub(super) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// The id of a channel in v1 and v2: a number if it is one.
pub(super) fn channel_id(id: &str) -> String {
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    match digits && (id == "0" || !id.starts_with('0')) {
        true => id.to_owned(),
        false => string(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compact_and_keeps_its_order_and_its_repetitions() {
        let tokens = [("z", string("1")), ("a", string("2")), ("z", string("3"))];
        assert_eq!(object(tokens), r#"{"z":"1","a":"2","z":"3"}"#);
        assert_eq!(object([]), "{}");
        assert_eq!(array(["1".to_owned(), "2".to_owned()]), "[1,2]");
        assert_eq!(string("a\"b/\n\u{1}"), "\"a\\\"b/\\n\\u0001\"");
    }

    #[test]
    fn what_is_not_ascii_is_escaped_in_utf_16() {
        assert_eq!(ascii("\"ä€😀\""), r#""\u00e4\u20ac\ud83d\ude00""#);
    }

    #[test]
    fn ids_are_numbers_where_they_can_be() {
        assert_eq!(channel_id("17"), "17");
        assert_eq!(channel_id("007"), r#""007""#);
        assert_eq!(channel_id("app-1"), r#""app-1""#);
    }
}
