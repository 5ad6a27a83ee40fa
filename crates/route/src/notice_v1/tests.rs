#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use super::*;
use crate::{generation::Generation, ledger::Cause, notice::Form};
use logweir_proto::{frames::frames, peek_v1::peek_v1};

fn loss() -> Loss {
    let mut loss = Loss::default();
    loss.record(Cause::QueueFull, "app-1", 40);
    loss.record(Cause::TooLarge, "app-1", 2);
    loss.record(Cause::QueueFull, "app-2", 8);
    loss
}

fn place() -> Arc<Place> {
    Arc::new(Place {
        deployment: "cf".into(),
        job: "doppler".into(),
        index: "7".into(),
        ip: "".into(),
    })
}

fn decoded(chunk: &Chunk) -> Vec<v1::Envelope> {
    let all: Vec<_> = frames(&chunk.frames)
        .map(|frame| v1::Envelope::decode(frame.unwrap().envelope).unwrap())
        .collect();
    assert_eq!(all.len(), chunk.envelopes as usize);
    all
}

fn text(envelope: &v1::Envelope) -> String {
    let log = envelope.log_message.clone().unwrap();
    String::from_utf8(log.message.unwrap().to_vec()).unwrap()
}

#[test]
fn a_firehose_gets_the_counter_that_nozzles_look_for() {
    let mut notices = NoticesV1::new(FormV1::of(None, None), "router", place(), "nozzle");
    for (round, total) in [(1, 50), (2, 100)] {
        let all = decoded(&notices.chunk(&loss(), round));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].origin.as_deref(), Some(&b"doppler"[..]));
        let at = [&all[0].deployment, &all[0].job, &all[0].index, &all[0].ip];
        let at = at.map(|field| {
            field
                .as_deref()
                .map(|text| std::str::from_utf8(text).unwrap())
        });
        assert_eq!(at, [Some("cf"), Some("doppler"), Some("7"), None]);
        let counter = all[0].counter_event.clone().unwrap();
        assert_eq!(
            counter.name.as_deref(),
            Some(&b"TruncatingBuffer.DroppedMessages"[..])
        );
        assert_eq!((counter.delta, counter.total), (Some(50), Some(total)));
    }
}

#[test]
fn readers_of_logs_get_the_words_of_2016() {
    let mut notices = NoticesV1::new(FormV1::of(Some("app-1"), None), "router", place(), "app-1");
    let all = decoded(&notices.chunk(&loss(), 7));
    let log = all[0].log_message.clone().unwrap();
    assert_eq!(
        text(&all[0]),
        "Log message output is too high. 50 messages dropped (Total 50 messages dropped) from \
         router to app-1."
    );
    assert_eq!(log.message_type, Some(MessageType::Err.into()));
    assert_eq!(log.source_type.as_deref(), Some(&b"LGR"[..]));
    assert_eq!(log.app_id.as_deref(), Some(&b"app-1"[..]));
    assert_eq!(log.timestamp, Some(7));

    let mut notices = NoticesV1::new(
        FormV1::of(None, Some(Class::Log)),
        "router",
        place(),
        "nozzle",
    );
    let all = decoded(&notices.chunk(&loss(), 7));
    assert_eq!(all.len(), 2);
    assert!(text(&all[0]).contains(" 42 messages dropped (Total 42 "));
    assert!(text(&all[1]).contains(" 8 messages dropped (Total 50 "));
}

#[test]
fn readers_of_metrics_get_no_log_lines() {
    for app in [None, Some("system")] {
        assert_eq!(FormV1::of(app, Some(Class::Metric)), FormV1::Counter);
    }
}

#[test]
fn every_notice_is_an_envelope_that_the_original_decodes() {
    for form in [FormV1::Counter, FormV1::Logs, FormV1::AppLog("a".into())] {
        let chunk = NoticesV1::new(form, "router", place(), "x").chunk(&loss(), 1);
        for frame in frames(&chunk.frames) {
            assert!(peek_v1(frame.unwrap().envelope).unwrap().body_present);
        }
    }
}

#[test]
fn a_notice_that_is_lost_is_told_with_what_it_spoke_of() {
    for form in [FormV1::Counter, FormV1::Logs, FormV1::AppLog("a".into())] {
        let chunk = NoticesV1::new(form.clone(), "router", place(), "x").chunk(&loss(), 1);
        let mut again = Loss::default();
        again.record(Cause::QueueFull, "app-1", 3);
        again.record_frames(Generation::V1, Cause::QueueFull, &chunk.frames);
        assert_eq!(again.total(), 53, "{form:?}");
    }
}

#[test]
fn a_v2_notice_keeps_its_count_after_it_was_converted() {
    for form in [Form::Log, Form::Counter] {
        let chunk = notice::chunk(&loss(), form, "agent", 1);
        let mut converted = BytesMut::new();
        for frame in frames(&chunk.frames) {
            let envelope = as_v1(frame.unwrap().envelope);
            push_frame(&mut converted, &envelope.encode_to_vec());
        }
        let mut again = Loss::default();
        again.record_frames(Generation::V1, Cause::QueueFull, &converted);
        assert_eq!(again.total(), 50, "{form:?}");
    }
}

/// What matters here of the conversion of logs and counters.
fn as_v1(envelope: &[u8]) -> v1::Envelope {
    use logweir_proto::v2::{self, envelope::Message as Body};
    let mut envelope = v2::Envelope::decode(envelope).unwrap();
    let source_type = envelope.tags.remove("source_type");
    let tags = envelope.tags.iter().map(|(key, value)| v1::Tag {
        key: Some(key.clone().into()),
        value: Some(value.clone().into()),
    });
    let mut out = v1::Envelope {
        origin: Some(Bytes::new()),
        tags: tags.collect(),
        ..v1::Envelope::default()
    };
    match envelope.message.unwrap() {
        Body::Log(log) => {
            out.event_type = Some(EventType::LogMessage.into());
            out.log_message = Some(v1::LogMessage {
                message: Some(log.payload),
                message_type: Some(MessageType::Err.into()),
                timestamp: Some(1),
                source_type: source_type.map(Into::into),
                ..v1::LogMessage::default()
            });
        }
        Body::Counter(counter) => {
            out.event_type = Some(EventType::CounterEvent.into());
            out.counter_event = Some(v1::CounterEvent {
                name: Some(counter.name.into()),
                delta: Some(counter.delta),
                total: Some(counter.total),
            });
        }
        other => panic!("{other:?} is no notice"),
    }
    out
}
