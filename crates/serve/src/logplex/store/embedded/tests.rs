#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use super::*;
use crate::logplex::model::{
    ApiStatus, Channel, ChannelFlags, Cred, Drain, Grant, Pass, Rods, Session, Token,
};

fn everything() -> Vec<Change> {
    vec![
        Change::Channel(Arc::new(Channel {
            id: "app/ä".into(),
            name: "n".into(),
            flags: ChannelFlags {
                no_tail: true,
                no_redis: true,
            },
            source: Some("my-app".into()),
        })),
        Change::Token(Arc::new(Token {
            id: "t.1".into(),
            channel: "app/ä".into(),
            name: "app".into(),
        })),
        Change::Drain(Arc::new(Drain {
            id: 7,
            token: "d.1".into(),
            channel: "app/ä".into(),
            url: Some("https://u:p@h/".into()),
        })),
        Change::Cred(Arc::new(Cred {
            id: "local".into(),
            pass: Pass::hashed("password"),
            name: "Local-Test".into(),
            grants: [Grant::FullApi, Grant::Channel("app/ä".into())].into(),
        })),
        Change::Rods(Rods {
            legacy_api: ApiStatus::ReadOnly,
            deny_logs_ingress: true,
            ..Rods::default()
        }),
        session("s.new", 300),
    ]
}

fn session(id: &str, seconds: u64) -> Change {
    Change::Session(Session {
        id: id.into(),
        body: b"{\"channel_id\": \"1\"}".as_slice().into(),
        expires: SystemTime::now() + Duration::from_secs(seconds),
    })
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_and_what_went_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::default();
    {
        let store = Embedded::open(dir.path()).unwrap();
        assert!(!dir.path().join(NAME).exists(), "made when it is needed");
        assert_eq!(store.numbers(Counter::Channel, 2), 1..3);
        store.write(&everything()).await.unwrap();
        let gone = [session("s.old", 0), Change::NoToken("t.2".into())];
        store.write(&gone).await.unwrap();
        registry.apply(&everything());
    }
    let mode = dir.path().join(NAME).metadata().unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    let store = Embedded::open(dir.path()).unwrap();
    let read = Registry::default();
    store.load(&read).unwrap();
    assert_eq!(read.channels(), registry.channels());
    assert_eq!(
        read.resolve("t.1").unwrap().0,
        registry.token("t.1").unwrap()
    );
    assert_eq!(read.drains(), registry.drains());
    let cred = read.cred("local").unwrap();
    assert!(matches!(cred.pass, Pass::Hashed(_)));
    assert_eq!(cred.grants, registry.cred("local").unwrap().grants);
    assert_eq!(read.rods(), registry.rods());
    assert!(read.session("s.new", SystemTime::now()).is_some());
    assert!(read.session("s.old", SystemTime::now()).is_none());
    assert_eq!(store.numbers(Counter::Channel, 1), 3..4);
    assert_eq!(store.numbers(Counter::Drain, 1), 1..2);

    let all = [
        Change::NoChannel("app/ä".into()),
        Change::NoToken("t.1".into()),
        Change::NoDrain(7),
        Change::NoCred("local".into()),
    ];
    store.write(&all).await.unwrap();
    drop(store);
    let empty = Registry::default();
    Embedded::open(dir.path()).unwrap().load(&empty).unwrap();
    assert!(empty.channels().is_empty() && empty.drains().is_empty() && empty.creds().is_empty());
    assert!(empty.token("t.1").is_none());
}

#[tokio::test]
async fn a_file_that_is_in_use_or_none_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path()).unwrap();
    store.write(&everything()).await.unwrap();
    let error = Embedded::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(NAME), "{error}");
    drop(store);
    std::fs::write(dir.path().join(NAME), vec![7; 5_000]).unwrap();
    let error = Embedded::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(NAME), "{error}");
}

#[tokio::test]
async fn without_a_directory_nothing_is_kept() {
    let store = Embedded::open(Path::new("")).unwrap();
    store.write(&everything()).await.unwrap();
    assert_eq!(store.numbers(Counter::Drain, 3), 1..4);
    assert!(!Path::new(NAME).exists());
}
