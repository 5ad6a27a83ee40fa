#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::collections::BTreeMap;

use logweir_proto::{peek::peek, v2};
use prost::Message as _;

use super::*;

fn tagged(source_type: Option<&str>, message: v2::envelope::Message) -> Vec<u8> {
    let tags = source_type.map(|value| ("source_type".to_owned(), value.to_owned()));
    let envelope = v2::Envelope {
        tags: BTreeMap::from_iter(
            [("zone".to_owned(), "APP".to_owned())]
                .into_iter()
                .chain(tags),
        ),
        message: Some(message),
        ..v2::Envelope::default()
    };
    envelope.encode_to_vec()
}

fn log() -> v2::envelope::Message {
    v2::envelope::Message::Log(v2::Log::default())
}

fn wants(filter: Filter, envelope: &[u8]) -> bool {
    filter.wants(envelope, &peek(envelope).unwrap())
}

#[test]
fn source_types_count_up_to_the_first_slash_and_in_capitals() {
    let only = Filter::new(DrainData::All, SourceTypes::parse("app", "").unwrap());
    let except = Filter::new(DrainData::All, SourceTypes::parse("", "app").unwrap());
    for (source_type, is_app) in [
        (Some("APP"), true),
        (Some("APP/PROC/WEB"), true),
        (Some("app"), false),
        (Some("APPLE"), false),
        (Some("RTR"), false),
        (Some(""), false),
        (None, false),
    ] {
        let envelope = tagged(source_type, log());
        assert_eq!(wants(only, &envelope), is_app, "{source_type:?}");
        assert_eq!(wants(except, &envelope), !is_app, "{source_type:?}");
    }
}

#[test]
fn source_types_filter_logs_and_events_alone() {
    let only = Filter::new(DrainData::All, SourceTypes::parse("RTR", "").unwrap());
    let event = v2::envelope::Message::Event(v2::Event::default());
    assert!(!wants(only, &tagged(Some("APP"), event)));
    let counter = v2::envelope::Message::Counter(v2::Counter::default());
    assert!(wants(only, &tagged(Some("APP"), counter)));
    let timer = v2::envelope::Message::Timer(v2::Timer::default());
    assert!(wants(only, &tagged(None, timer)));
}

#[test]
fn of_a_tag_that_comes_twice_the_last_counts() {
    let mut envelope = tagged(Some("RTR"), log());
    let again = v2::Envelope {
        tags: BTreeMap::from([("source_type".to_owned(), "APP".to_owned())]),
        ..v2::Envelope::default()
    };
    envelope.extend(again.encode_to_vec());
    let only = Filter::new(DrainData::Logs, SourceTypes::parse("APP", "").unwrap());
    assert!(wants(only, &envelope));
}

#[test]
fn selectors_ask_for_the_kinds_alone() {
    let filter = Filter::new(DrainData::Logs, SourceTypes::Every);
    let kinds = |source| -> Vec<_> {
        let selectors = filter.selectors(source).into_iter();
        selectors.map(|one| (one.source, one.what.kind())).collect()
    };
    let app: Box<str> = "app".into();
    assert_eq!(
        kinds(Some("app")),
        [(Some(app.clone()), Kind::Log), (Some(app), Kind::Event)]
    );
    assert_eq!(kinds(None), [(None, Kind::Log), (None, Kind::Event)]);
    assert_eq!(
        Filter::new(DrainData::All, SourceTypes::Every)
            .selectors(None)
            .len(),
        5
    );
}
