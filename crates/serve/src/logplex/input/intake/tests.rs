#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use logweir_proto::{frames::frames, peek::peek};
use logweir_wire::logplex::message;

use super::*;
use crate::{
    logplex::{change::Change, model::Grant, registry::Registry},
    outlet::OpenSink,
};

type Published = Arc<Mutex<Vec<(String, String)>>>;

struct Into(Published);

impl Sink for Into {
    fn accept(&mut self, batch: Bytes) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in frames(&batch) {
            let envelope = frame.unwrap().envelope;
            let mut text = Vec::new();
            assert!(message(envelope, &mut text));
            let source = peek(envelope).unwrap().source_id.to_owned();
            all.push((source, String::from_utf8(text).unwrap()));
        }
    }
}

fn token(id: &str, channel: &str, name: &str) -> Arc<Token> {
    Arc::new(Token {
        id: id.into(),
        channel: channel.into(),
        name: name.into(),
    })
}

/// Channels 1 and 2, which is the source `my-app`, and a token of a channel that is unknown.
fn input() -> (Arc<Input>, Published) {
    let registry = Arc::new(Registry::default());
    let mut second = Channel::new("2");
    second.source = Some("my-app".into());
    registry.apply(&[
        Change::Channel(Arc::new(Channel::new("1"))),
        Change::Channel(Arc::new(second)),
        Change::Token(token("t.1", "1", "app")),
        Change::Token(token("t.2", "2", "web")),
        Change::Token(token("t.3", "3", "app")),
    ]);
    let published = Published::default();
    let sinks = Arc::clone(&published);
    let open: OpenSink = Arc::new(move || Box::new(Into(Arc::clone(&sinks))));
    let input = Input::new(registry, open, Duration::ZERO);
    (input, published)
}

fn taken(published: &Published) -> Vec<(String, String)> {
    std::mem::take(&mut *published.lock().unwrap())
}

fn text(source: &str, message: &str) -> (String, String) {
    (source.to_owned(), message.to_owned())
}

const MESSAGES: [&[u8]; 5] = [
    b"<1>1 t h t.1 p - - one",
    b"<1>1 t h t.2 p - - two",
    b"<1>1 t h t.3 p - - three",
    b"<1>1 t h t.4 p - - four",
    b"<1>1 t h app p - - five",
];

#[test]
fn b081_b088_b089_b090_each_message_goes_to_the_channel_of_its_token() {
    let (input, published) = input();
    let mut intake = Intake::new(&input, Writer::Anyone);
    MESSAGES.into_iter().for_each(|one| intake.take(one));
    assert_eq!(taken(&published), []);
    intake.send_on();
    let expected = [
        text("1", "<1>1 t h app p - - one"),
        text("my-app", "<1>1 t h web p - - two"),
    ];
    assert_eq!(taken(&published), expected);
    let get = |count| input.counts().get(count);
    let counts = [Count::Received, Count::Taken, Count::UnknownChannel];
    assert_eq!(counts.map(get), [3, 2, 1]);
    let counts = [Count::UnknownToken, Count::Malformed, Count::Forbidden];
    assert_eq!(counts.map(get), [1, 1, 0]);
    let posts = input.counts().take_posts();
    assert_eq!((posts.get("1"), posts.get("2")), (Some(&1), Some(&1)));
    assert!(input.counts().take_posts().is_empty());
}

#[test]
fn by_a_token_all_messages_are_of_its_channel() {
    let (input, published) = input();
    let mut intake = Intake::new(&input, Writer::Token(token("t.2", "2", "web")));
    intake.take(MESSAGES[1]);
    intake.take(MESSAGES[0]);
    intake.take(b"hello");
    drop(intake);
    let expected = [
        text("my-app", "<1>1 t h web p - - two"),
        text("my-app", "<1>1 t h t.1 p - - one"),
        text("my-app", "hello"),
    ];
    assert_eq!(taken(&published), expected);
}

#[test]
fn a_credential_writes_to_its_channels() {
    let (input, published) = input();
    let cred = Arc::new(Cred {
        id: "c".into(),
        pass: crate::logplex::model::Pass::Clear("p".into()),
        name: "".into(),
        grants: [Grant::Channel("2".into())].into(),
    });
    let mut intake = Intake::new(&input, Writer::Cred(cred));
    MESSAGES.into_iter().for_each(|one| intake.take(one));
    drop(intake);
    let expected = [text("my-app", "<1>1 t h web p - - two")];
    assert_eq!(taken(&published), expected);
    assert_eq!(input.counts().get(Count::Forbidden), 1);
}

#[test]
fn a_token_that_is_deleted_is_unknown_from_the_next_read_on() {
    let (input, published) = input();
    let mut intake = Intake::new(&input, Writer::Anyone);
    assert!(intake.take_known(MESSAGES[0]));
    input.registry.apply(&[Change::NoToken("t.1".into())]);
    intake.send_on();
    assert!(!intake.take_known(MESSAGES[0]));
    assert!(!intake.take_known(MESSAGES[4]));
    drop(intake);
    assert_eq!(taken(&published).len(), 1);
    assert_eq!(input.counts().get(Count::UnknownToken), 0);
}

#[test]
fn what_a_drain_brings_back_goes_no_further() {
    let (input, published) = input();
    let drain = Arc::new(Drain {
        id: 1,
        token: "d.1".into(),
        channel: "1".into(),
        url: None,
    });
    let mut intake = Intake::new(&input, Writer::Anyone);
    intake.sent_by(drain);
    for _ in 0..2 {
        intake.take(MESSAGES[0]);
        intake.take(MESSAGES[1]);
    }
    drop(intake);
    let two = text("my-app", "<1>1 t h web p - - two");
    assert_eq!(taken(&published), [two.clone(), two]);
    assert_eq!(input.counts().get(Count::Looped), 2);
}
