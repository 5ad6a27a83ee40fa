use super::*;

#[test]
fn the_sources_of_every_selector_are_found() {
    for (text, sources) in [
        (r#"m{source_id="a"}"#, vec!["a"]),
        (r#"{__name__="m", source_id = 'a',}"#, vec!["a"]),
        (
            r#"m{source_id=~"a|b"} / on(source_id) n{source_id=`a`}"#,
            vec!["a", "b"],
        ),
        (
            r#"sum(rate(m{source_id="a"}[5m:1m] offset 1h)) by (source_id) > 7*9"#,
            vec!["a"],
        ),
        (r#"m{source_id="a"} # {source_id="b"}"#, vec!["a"]),
        ("m{ # x\n source_id=\"a\"}", vec!["a"]),
        (r#"m{x="{source_id=\"b\"}",source_id="a"}"#, vec!["a"]),
        (
            r#"label_replace(m{source_id="\x61\u0062\\"}, "d", "}", "", "")"#,
            vec!["ab\\"],
        ),
        (r#"{"m", "source_id"="a"}"#, vec!["a"]),
        (
            r#"m{source_id!="x",source_id="a",source_id!~"y"}"#,
            vec!["a"],
        ),
    ] {
        assert_eq!(Query::parse(text).unwrap().sources(), sources, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (text, error) in [
        ("", QueryError::NoSource),
        ("7*9", QueryError::NoSource),
        ("m{}", QueryError::NoSource),
        (r#"m{source_id!="a"}"#, QueryError::NoSource),
        (r#"# m{source_id="a"}"#, QueryError::NoSource),
        (r#"m{source_id="a}"#, QueryError::OpenString),
        ("m{source_id=`a\\`", QueryError::OpenBraces),
        (r#"m{source_id="a""#, QueryError::OpenBraces),
        (r#"m{source_id="\q"}"#, QueryError::Escape),
        (r#"m}{source_id="a"}"#, QueryError::Closing),
        (r#"m{source_id=a}"#, QueryError::Braces("a".into())),
        (r#"m{{source_id="a"}}"#, QueryError::Braces("{".into())),
        (r#"m{source_id>"a"}"#, QueryError::Braces(">".into())),
    ] {
        assert_eq!(Query::parse(text).err(), Some(error), "{text}");
    }
    let many: Vec<_> = (0..=MOST).map(|n| n.to_string()).collect();
    let many = format!("m{{source_id=~\"{}\"}}", many.join("|"));
    assert_eq!(Query::parse(&many).err(), Some(QueryError::TooMany));
}

#[test]
fn sources_are_replaced_and_nothing_else() {
    let members = |source: &str| match source {
        "app" => vec!["guid".to_owned(), "app".to_owned()],
        "gone" => Vec::new(),
        other => vec![other.to_owned()],
    };
    for (text, replaced) in [
        (r#"m{source_id="a"}"#, Some(r#"m{source_id="a"}"#)),
        (
            r#"x[90m] + m{source_id = "app", y='z'} offset 36h # c"#,
            Some(r#"x[90m] + m{source_id =~"guid|app", y='z'} offset 36h "#),
        ),
        (r#"m{source_id=~"gone|a"}"#, Some(r#"m{source_id="a"}"#)),
        (
            r#"m{source_id='q"\\\n'}"#,
            Some(r#"m{source_id="q\"\\\n"}"#),
        ),
        (r#"m{source_id="gone"} + m{source_id="a"}"#, None),
        (r#"m{source_id="a|b"}"#, Some(r#"m{source_id="a|b"}"#)),
    ] {
        let query = Query::parse(text).unwrap();
        assert_eq!(query.with(members).as_deref(), replaced, "{text}");
    }
    let query = Query::parse(r#"m{source_id="a|b"}"#).unwrap();
    let both = |source: &str| vec!["guid".to_owned(), source.to_owned()];
    assert_eq!(query.with(both).unwrap(), r#"m{source_id="guid"}"#);
}
