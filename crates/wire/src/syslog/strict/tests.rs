use super::*;

fn message(header: &str) -> Vec<u8> {
    format!("{header} - a p - - x").into_bytes()
}

#[test]
fn a_message_is_taken_apart() {
    let text = b"<11>1 1970-01-01T00:00:01.5+00:00 host app [APP/0] id \
                 [a@1 n=\"v\\\"\\\\\\]\" n=\"w\"][b] \xff text";
    let message = parse(text).unwrap();
    assert_eq!(message.priority, 11);
    assert_eq!(message.timestamp, Some(1_500_000_000));
    assert_eq!(message.app, Some("app"));
    assert_eq!(message.process, Some("[APP/0]"));
    assert_eq!(message.elements[0].id, "a@1");
    assert_eq!(message.elements[0].parameters[0].1, "v\"\\]");
    assert_eq!(message.elements[0].get("n"), Some("w"));
    assert_eq!(message.elements[1].id, "b");
    assert_eq!(message.text, Some(&b"\xff text"[..]));
}

#[test]
fn absent_fields_are_none() {
    let message = parse(b"<0>999 - - - - - -").unwrap();
    let (app, process) = (message.app, message.process);
    assert_eq!((message.timestamp, app, process), (None, None, None));
    assert_eq!(message.text, None);
    assert_eq!(parse(b"<0>1 - - - - - - ").unwrap().text, None);
}

#[test]
fn what_the_rfc_does_not_allow_is_refused() {
    for header in ["<192>1 -", "<014>1 -", "<>1 -", "1 -", "<-1>1 -"] {
        assert_eq!(
            parse(&message(header)),
            Err(Malformed::Priority),
            "{header}"
        );
    }
    for header in ["<1>0 -", "<1>1000 -", "<1>01 -", "<1> -", "<14>Jan  1"] {
        assert_eq!(parse(&message(header)), Err(Malformed::Version), "{header}");
    }
    for time in [
        "2020-01-01T00:00:00.1234567Z",
        "2020-01-01T00:00:00.Z",
        "2021-02-29T00:00:00Z",
        "2020-01-01t00:00:00Z",
        "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00+0000",
        "2020-01-01T24:00:00Z",
        "2020",
        "",
    ] {
        let message = message(&format!("<1>1 {time}"));
        assert_eq!(parse(&message), Err(Malformed::Timestamp), "{time}");
    }
    for elements in [
        "",
        "x",
        "[",
        "[]",
        "[a",
        "[a b]",
        "[a =\"\"]",
        "[a b=\"\\n\"]",
        "[a b=\"]\"]",
        "[a]x",
        "[a  b=\"\"]",
    ] {
        let message = format!("<1>1 - - a p - {elements}");
        assert_eq!(
            parse(message.as_bytes()),
            Err(Malformed::Elements),
            "{elements}"
        );
    }
    let twice = parse(b"<1>1 - - a p - [a][a] x");
    assert_eq!(twice, Err(Malformed::SameId));
    let long = format!("<1>1 - - {} p - - x", "a".repeat(49));
    let name = "APP-NAME";
    assert_eq!(
        parse(long.as_bytes()),
        Err(Malformed::Field { name, most: 48 })
    );
    assert!(parse(b"<1>1 - - a\xff p - - x").is_err());
    assert!(parse(b"<1>1 - -").is_err());
}
