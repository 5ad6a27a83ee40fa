use super::*;

fn sample(name: &str, kind: Kind, value: f64) -> Sample<'_> {
    Sample {
        name,
        kind,
        value: Value::Number(value),
        sign: None,
        rate: 1.0,
        tags: Vec::new(),
    }
}

#[test]
fn every_type() {
    for (line, kind, value) in [
        ("a.b:1|c", Kind::Counter, 1.0),
        ("a.b:2.5|g", Kind::Gauge, 2.5),
        ("a.b:320|ms", Kind::Timer, 320.0),
        ("a.b:1e3|h", Kind::Histogram, 1000.0),
        ("a.b:.5|d", Kind::Distribution, 0.5),
    ] {
        assert_eq!(parse(line.as_bytes()), Ok(sample("a.b", kind, value)));
    }
    let set = parse(b"a.users:u-17|s").unwrap();
    assert_eq!((set.kind, set.value), (Kind::Set, Value::Member("u-17")));
}

#[test]
fn a_sign_is_kept_apart_from_the_value() {
    let up = parse(b"a.b:+3|g").unwrap();
    assert_eq!((up.value, up.sign), (Value::Number(3.0), Some(Sign::Plus)));
    let down = parse(b"a.b:-3|g").unwrap();
    assert_eq!(
        (down.value, down.sign),
        (Value::Number(-3.0), Some(Sign::Minus))
    );
}

#[test]
fn rates_and_tags_come_in_any_order() {
    let tags = vec![
        ("env", "prod-1"),
        ("bare", ""),
        ("url", "http://x"),
        ("", "v"),
    ];
    for line in [
        "a.b:1|c|@0.2|#env:prod-1,bare,url:http://x,,:v,",
        "a.b:1|c|#env:prod-1,bare,url:http://x,:v|@0.2",
        "a.b:1|c|@0.2|#env:prod-1,bare,url:http://x,:v|c:container|T1656581400",
    ] {
        let expected = Sample {
            rate: 0.2,
            tags: tags.clone(),
            ..sample("a.b", Kind::Counter, 1.0)
        };
        assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_sample_says_why() {
    for (line, error) in [
        ("", LineError::NoName),
        ("garbage", LineError::NoName),
        (":1|c", LineError::NoName),
        ("a:1", LineError::NoType),
        ("a:1|", LineError::NoType),
        ("a:1|x", LineError::NoType),
        ("a:|c", LineError::BadValue),
        ("a:|s", LineError::BadValue),
        ("a:one|c", LineError::BadValue),
        ("a:NaN|g", LineError::BadValue),
        ("a:inf|g", LineError::BadValue),
        ("a:1e999|g", LineError::BadValue),
        ("a:1|c|@0", LineError::BadRate),
        ("a:1|c|@-1", LineError::BadRate),
        ("a:1|c|@", LineError::BadRate),
        ("a:1|c|@NaN", LineError::BadRate),
    ] {
        assert_eq!(parse(line.as_bytes()), Err(error), "{line}");
    }
    assert_eq!(parse(b"a\xFF:1|c"), Err(LineError::NotUtf8));
}

#[test]
fn a_datagram_is_lines() {
    let found: Vec<_> = lines(b"\na:1|c\r\n\nb:2|g\n\r\nc:3|ms").collect();
    assert_eq!(found, [&b"a:1|c"[..], b"b:2|g", b"c:3|ms"]);
}

#[test]
fn the_origin_is_before_the_first_dot() {
    let origin = |name| sample(name, Kind::Gauge, 1.0).origin();
    assert_eq!(origin("o.a.b"), Some(("o", "a.b")));
    for name in ["plain", ".b", "o."] {
        assert_eq!(origin(name), None);
    }
}
