use super::{
    commands::transaction,
    hash::{CONTROL_ROD, Fields, Named, RODS},
};
use crate::logplex::{
    change::Change,
    model::{ApiStatus, Grant, Pass, Rods},
    redis::Value,
};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let empty = Fields::of(Value::Nil);
    pairs
        .iter()
        .fold(empty, |fields, (name, value)| fields.with(name, value))
}

fn read(key: &str, pairs: &[(&str, &str)]) -> Change {
    Named::of(key).expect("a key of ours").with(&fields(pairs))
}

/// The words of a transaction between `MULTI` and `PUBLISH`.
fn written(change: Change) -> Vec<String> {
    let commands = transaction(&[change]);
    let lines = commands.iter().map(|words| {
        let words = words.iter().map(|word| String::from_utf8_lossy(word));
        words.collect::<Vec<_>>().join(" ")
    });
    let lines: Vec<_> = lines.collect();
    let inner = lines.strip_prefix(&["MULTI".to_owned()]);
    let inner = inner.and_then(|lines| lines.strip_suffix(&["EXEC".to_owned()]));
    let inner = inner.expect("a transaction");
    let told = |line: &&String| !line.starts_with("PUBLISH logweir:changes ");
    inner.iter().filter(told).cloned().collect()
}

#[test]
fn keys_are_told_apart() {
    for (key, named) in [
        ("ch:1:data", Some(Named::Channel("1"))),
        ("ch:app:1:data", Some(Named::Channel("app:1"))),
        ("ch:1:spool", None),
        ("tok:t.1:data", Some(Named::Token("t.1"))),
        ("drain:7:data", Some(Named::Drain(7))),
        ("drain:x:data", None),
        ("cred:local", Some(Named::Cred("local"))),
        (RODS, Some(Named::Rods)),
        (CONTROL_ROD, Some(Named::Rods)),
        ("session:x", None),
        ("channel_index", None),
        ("redgrid:development:v:node", None),
    ] {
        assert_eq!(Named::of(key), named, "{key}");
    }
}

#[test]
fn what_logplex_wrote_is_read() {
    let Change::Channel(channel) = read("ch:1:data", &[("name", "n"), ("flags", "no_tail:x")])
    else {
        panic!("no channel");
    };
    assert!(channel.flags.no_tail && !channel.flags.no_redis);
    assert_eq!(&**channel.source_id(), "1");
    let Change::Drain(drain) = read(
        "drain:7:data",
        &[("ch", "1"), ("token", "d.1"), ("host", "h")],
    ) else {
        panic!("no drain");
    };
    assert_eq!(drain.url.as_deref(), Some("syslog://h:514"));
    let pairs = [
        ("pass", "password"),
        ("name", "n"),
        ("channel", "any"),
        ("full_api", "1"),
    ];
    let Change::Cred(cred) = read("cred:local", &pairs) else {
        panic!("no credential");
    };
    assert_eq!(cred.pass, Pass::Clear("password".into()));
    assert!(cred.full_api() && cred.any_channel());
    let Change::Cred(cred) = read("cred:one", &[("pass", "p"), ("channel", "17")]) else {
        panic!("no credential");
    };
    assert_eq!(cred.grants, [Grant::Channel("17".into())].into());
    let none = |change: Change| matches!(change, Change::NoCred(_));
    assert!(none(read("cred:two", &[("name", "no secret")])));
    assert!(matches!(read("ch:1:data", &[]), Change::NoChannel(_)));
    let Change::Rods(rods) = read(RODS, &[(CONTROL_ROD, "1")]) else {
        panic!("no rods");
    };
    assert_eq!(rods.legacy_api, ApiStatus::ReadOnly);
    assert_eq!(rods.api, ApiStatus::Normal);
}

#[test]
fn what_is_written_is_as_logplex_writes_it() {
    let channel = [("name", "n"), ("flags", "no_redis:no_tail")];
    assert_eq!(
        written(read("ch:1:data", &channel)),
        [
            "HMSET ch:1:data name n flags no_redis:no_tail",
            "HDEL ch:1:data source"
        ]
    );
    let token = [("ch", "1"), ("name", "app")];
    let line = "HMSET tok:t.1:data ch 1 name app";
    assert_eq!(written(read("tok:t.1:data", &token)), [line]);
    let reserved = [("ch", "1"), ("token", "d.1")];
    let line = "HMSET drain:7:data ch 1 token d.1";
    assert_eq!(written(read("drain:7:data", &reserved)), [line]);
    let full = [("ch", "1"), ("token", "d.1"), ("url", "http://h/")];
    let line = "HMSET drain:7:data ch 1 token d.1 url http://h/ state provisioned";
    assert_eq!(written(read("drain:7:data", &full)), [line]);
    for (grants, line) in [
        (
            vec![("full_api", "1"), ("channel", "any")],
            "HMSET cred:x pass p name n full_api 1 channel any",
        ),
        (
            vec![("channel", "17")],
            "HMSET cred:x pass p name n channel 17 channel:17 1",
        ),
        (
            vec![("channel:1", "1"), ("channel:2", "1")],
            "HMSET cred:x pass p name n channel:1 1 channel:2 1",
        ),
    ] {
        let mut pairs = vec![("pass", "p"), ("name", "n")];
        pairs.extend(grants);
        assert_eq!(written(read("cred:x", &pairs)), ["DEL cred:x", line]);
    }
    assert_eq!(written(Change::NoToken("t.1".into())), ["DEL tok:t.1:data"]);
    let rods = Rods {
        legacy_api: ApiStatus::ReadOnly,
        ..Rods::default()
    };
    let lines = written(Change::Rods(rods));
    assert_eq!(lines[1], "SETBIT control_rod 0 1");
}
