#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use super::*;

fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name, value.parse().unwrap());
    }
    headers
}

#[test]
fn content_types() {
    for (value, known) in [
        ("application/logplex-1", true),
        ("application/x-logplex-1", true),
        ("application/logplex-1; charset=utf-8", true),
        ("Application/Logplex-1 ;x", true),
        ("application/logplex-10", false),
        ("text/plain", false),
        ("", false),
    ] {
        assert_eq!(
            is_logplex(&headers("content-type", &[value])),
            known,
            "{value}"
        );
    }
    assert!(!is_logplex(&HeaderMap::new()));
}

#[test]
fn what_clients_take() {
    for (values, admitted) in [
        (&[][..], true),
        (&["*/*"], true),
        (&["text/*;q=0.5"], true),
        (&["application/json, text/plain"], true),
        (&["application/json", "text/plain"], true),
        (&["application/json"], false),
        (&["text/plain; q=0"], false),
        (&["text/html"], false),
    ] {
        assert_eq!(
            admits_text(&headers("accept", values)),
            admitted,
            "{values:?}"
        );
    }
}

#[test]
fn numbers() {
    for (text, expected) in [
        ("5", Some(5)),
        ("0", Some(0)),
        ("+5", None),
        ("-1", None),
        ("5x", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(number(&HeaderValue::from_static(text)), expected, "{text}");
    }
}

#[test]
fn newlines_between_frames_are_junk_for_the_strict_only() {
    let body = b"3 abc\n3 abc\njunk\n3 ab";
    let of = |messages, junk| Batch { messages, junk };
    assert_eq!(Batch::of(body, false), of(2, 1));
    assert_eq!(Batch::of(body, true), of(2, 3));
}
