#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::time::Duration;

use super::*;

fn channel(id: &str, source: Option<&str>) -> Change {
    let mut channel = Channel::new(id);
    channel.source = source.map(Arc::from);
    Change::Channel(Arc::new(channel))
}

fn token(id: &str, of: &str, name: &str) -> Change {
    Change::Token(Arc::new(Token {
        id: id.into(),
        channel: of.into(),
        name: name.into(),
    }))
}

fn drain(id: u64, of: &str) -> Change {
    Change::Drain(Arc::new(Drain {
        id,
        token: "d.1".into(),
        channel: of.into(),
        url: None,
    }))
}

fn session(id: &str, seconds: u64) -> Change {
    Change::Session(Session {
        id: id.into(),
        body: b"{}".as_slice().into(),
        expires: SystemTime::now() + Duration::from_secs(seconds),
    })
}

fn names(registry: &Registry, id: &str) -> Vec<String> {
    let tokens = registry.tokens_of(id);
    tokens.iter().map(|token| token.name.to_string()).collect()
}

#[test]
fn b097_b098_tokens_by_id_and_by_channel_agree() {
    let registry = Registry::default();
    registry.apply(&[
        channel("1", None),
        token("t.1", "1", "b"),
        token("t.2", "1", "a"),
        token("t.3", "1", "a"),
        token("t.4", "2", "of none"),
    ]);
    assert_eq!(names(&registry, "1"), ["a", "a", "b"]);
    assert!(registry.resolve("t.1").unwrap().1.is_some());
    assert!(registry.resolve("t.4").unwrap().1.is_none());
    // Another name, another channel.
    registry.apply(&[token("t.1", "1", "c"), token("t.3", "2", "a")]);
    assert_eq!(names(&registry, "1"), ["a", "c"]);
    assert_eq!(names(&registry, "2"), ["a", "of none"]);
    registry.apply(&[Change::NoToken("t.2".into()), Change::NoToken("t.9".into())]);
    assert_eq!(names(&registry, "1"), ["c"]);
    assert!(registry.token("t.2").is_none());
}

#[test]
fn a_source_has_the_channels_that_are_it() {
    let registry = Registry::default();
    let all = [
        channel("1", None),
        channel("2", Some("my-app")),
        channel("3", Some("1")),
    ];
    registry.apply(&all);
    let of = |source| {
        let found = registry.channels_of_source(source);
        found
            .iter()
            .map(|one| one.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("my-app"), ["2"]);
    assert_eq!(of("1"), ["1", "3"]);
    assert!(of("2").is_empty());
    registry.apply(&[channel("2", None), Change::NoChannel("3".into())]);
    assert!(of("my-app").is_empty());
    assert_eq!(
        (of("1"), of("2")),
        (vec!["1".to_owned()], vec!["2".to_owned()])
    );
}

#[test]
fn the_generation_rises_with_what_is_another_now() {
    let registry = Registry::default();
    let mut generation = registry.generation();
    let mut moved = |changes: &[Change]| {
        registry.apply(changes);
        let moved = generation.has_changed().unwrap();
        generation.mark_unchanged();
        moved
    };
    assert!(moved(&[channel("1", None), drain(7, "1")]));
    assert!(!moved(&[channel("1", None), drain(7, "1")]));
    assert!(!moved(&[session("s", 300)]));
    assert!(!moved(&[Change::NoDrain(8)]));
    assert!(moved(&[drain(7, "2")]));
    assert!(moved(&[Change::NoDrain(7)]));
}

#[test]
fn a_replacement_has_what_was_changed_meanwhile() {
    let registry = Registry::default();
    registry.apply(&[
        channel("1", None),
        token("t.1", "1", "a"),
        session("s", 300),
    ]);
    registry.begin_replacing();
    // Both are newer than what is read.
    registry.apply(&[channel("2", None), Change::NoToken("t.3".into())]);
    registry.replace(&[channel("3", None), token("t.3", "3", "a"), drain(7, "3")]);
    assert!(registry.channel("1").is_none());
    assert!(registry.token("t.1").is_none());
    assert!(registry.channel("2").is_some());
    assert!(registry.channel("3").is_some());
    assert!(registry.token("t.3").is_none());
    assert_eq!(registry.drains_of("3").len(), 1);
    assert!(registry.session("s", SystemTime::now()).is_some());

    // What was not whole changes nothing.
    registry.begin_replacing();
    registry.abandon_replacing();
    registry.begin_replacing();
    let generation = registry.generation();
    registry.replace(&[channel("2", None), channel("3", None), drain(7, "3")]);
    assert!(!generation.has_changed().unwrap(), "it was so before");
}

#[test]
fn sessions_end_and_are_swept() {
    let registry = Registry::default();
    registry.apply(&[session("old", 0), session("new", 300)]);
    let now = SystemTime::now();
    assert!(registry.session("old", now).is_none());
    assert!(registry.session("new", now).is_some());
    registry.apply(&[session("newer", 300)]);
    assert_eq!(registry.sessions(), (2, 4));
}
