//! Messages of every shape. The first table is Logplex's own cases.

use super::*;

fn parse(message: &str) -> Line<'_> {
    Line::parse(message.as_bytes()).unwrap_or_else(|| panic!("no line: {message}"))
}

#[test]
fn b092_b094_structured_data_and_content() {
    const HEAD: &str = "<158>1 2013-09-25T01:16:49.371356+00:00 host app web.1 id ";
    for (rest, sd, content) in [
        ("- hello", "-", "hello"),
        ("- hello\n", "-", "hello\n"),
        ("- ", "-", ""),
        ("-", "-", ""),
        ("-  two", "-", " two"),
        ("[a@1 b=\"c\"] hello", "[a@1 b=\"c\"]", "hello"),
        ("[a b=\"c\\]d\"] hello", "[a b=\"c\\]d\"]", "hello"),
        ("[a b=\"c\\] d\"] hello", "[a b=\"c\\] d\"]", "hello"),
        ("[a b=\"] \"][c] hello", "[a b=\"] \"][c]", "hello"),
        ("[a b=\"c\"][d e=\"f\"] x", "[a b=\"c\"][d e=\"f\"]", "x"),
        ("[a b=\"c\" ] x", "[a b=\"c\" ]", "x"),
        ("[meta]", "[meta]", ""),
        ("- [a b=\"c\"] x", "-", "[a b=\"c\"] x"),
        ("- \"a\" => [1] = {x}", "-", "\"a\" => [1] = {x}"),
        // The field is missing.
        ("hello", "", "hello"),
        ("", "", ""),
        ("-hello", "", "-hello"),
        ("[not ended", "", "[not ended"),
        ("[a b=c] x", "", "[a b=c] x"),
        ("[a b=\"c\"]x", "", "[a b=\"c\"]x"),
        ("[] x", "", "[] x"),
        (" - x", "", " - x"),
    ] {
        let message = format!("{HEAD}{rest}");
        let line = parse(&message);
        assert_eq!(line.sd, sd.as_bytes(), "{rest}");
        assert_eq!(line.content, content.as_bytes(), "{rest}");
        let (host, source, ps) = (line.host, line.source, line.ps);
        assert_eq!(
            (host, source, ps),
            (&b"host"[..], &b"app"[..], &b"web.1"[..])
        );
        assert_eq!(line.msgid, b"id");
    }
}

#[test]
fn b093_priorities() {
    for (text, facility, severity) in [
        ("158", 19, 6),
        ("13", 1, 5),
        ("133", 16, 5),
        ("0", 0, 0),
        // Modulo 256.
        ("300", 5, 4),
        ("99999999999999999999", 31, 7),
    ] {
        let message = format!("<{text}>1 t h a p m - x");
        let pri = parse(&message).pri;
        assert_eq!((pri >> 3, pri & 7), (facility, severity), "{text}");
    }
}

#[test]
fn what_is_no_line() {
    for message in [
        "",
        "hello",
        "<1>",
        "<>1 t h a p m - x",
        "<a>1 t h a p m - x",
        "<1 t h a p m - x",
        "1>1 t h a p m - x",
        "<1>1 t h a p",
        "<1>1 t h a p ",
    ] {
        assert_eq!(Line::parse(message.as_bytes()), None, "{message}");
    }
}

#[test]
fn a_token_is_the_fourth_word() {
    for (message, place) in [
        ("<1>1 t h t.1 p m - t.2", Some(9..12)),
        ("<1>1  t   h t.1", Some(12..15)),
        ("<1>1 t t.1 app p m - x", None),
        ("<1>1 t h t1 p", None),
        ("<1>1 t h ", None),
        ("<1>1 t h", None),
        ("", None),
    ] {
        assert_eq!(token(message.as_bytes()), place, "{message}");
    }
    assert_eq!(fourth_word(b"a b c d"), Some(6..7));
}
