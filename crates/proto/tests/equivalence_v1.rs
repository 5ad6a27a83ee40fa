//! What the V1 walk finds is what a decoder finds.

#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use logweir_proto::peek_v1::{Class, peek_v1};
use logweir_proto::{uuid, v1};
use proptest::prelude::*;
use prost::Message as _;

#[path = "generate/v1.rs"]
mod generate;

/// Every required field is there, in the payloads that do not count too.
fn is_complete(e: &v1::Envelope) -> bool {
    let whole = |uuid: &v1::Uuid| uuid.low.is_some() && uuid.high.is_some();
    e.origin.is_some()
        && e.event_type.is_some()
        && e.http_start_stop.as_ref().is_none_or(|h| {
            h.start_timestamp.is_some()
                && h.stop_timestamp.is_some()
                && h.request_id.as_ref().is_some_and(whole)
                && h.peer_type.is_some()
                && h.method.is_some()
                && h.uri.is_some()
                && h.remote_address.is_some()
                && h.user_agent.is_some()
                && h.status_code.is_some()
                && h.content_length.is_some()
                && h.application_id.as_ref().is_none_or(whole)
        })
        && e.log_message.as_ref().is_none_or(|l| {
            l.message.is_some() && l.message_type.is_some() && l.timestamp.is_some()
        })
        && e.value_metric
            .as_ref()
            .is_none_or(|v| v.name.is_some() && v.value.is_some() && v.unit.is_some())
        && e.counter_event
            .as_ref()
            .is_none_or(|c| c.name.is_some() && c.delta.is_some())
        && e.error
            .as_ref()
            .is_none_or(|e| e.source.is_some() && e.code.is_some() && e.message.is_some())
        && e.container_metric.as_ref().is_none_or(|c| {
            c.application_id.is_some()
                && c.instance_index.is_some()
                && c.cpu_percentage.is_some()
                && c.memory_bytes.is_some()
                && c.disk_bytes.is_some()
        })
}

/// The payload that the event type names is there, and the app by the routing rules.
fn body_and_app(e: &v1::Envelope) -> (bool, Option<String>) {
    let text = |bytes: &Option<bytes::Bytes>| {
        let text = bytes
            .as_deref()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        Some(text.into_owned()).filter(|text| !text.is_empty())
    };
    let system = Some("system".to_owned());
    match e.event_type {
        Some(4) => {
            let app = e
                .http_start_stop
                .as_ref()
                .and_then(|h| h.application_id.as_ref());
            let app = app.map(|app| uuid::to_string(app.low(), app.high()));
            (e.http_start_stop.is_some(), app.or(system))
        }
        Some(5) => (
            e.log_message.is_some(),
            e.log_message.as_ref().and_then(|log| text(&log.app_id)),
        ),
        Some(9) => (
            e.container_metric.is_some(),
            e.container_metric
                .as_ref()
                .and_then(|c| text(&c.application_id)),
        ),
        Some(6) => (e.value_metric.is_some(), system),
        Some(7) => (e.counter_event.is_some(), system),
        Some(8) => (e.error.is_some(), system),
        _ => (false, system),
    }
}

fn body(e: &v1::Envelope) -> Option<Vec<u8>> {
    match e.event_type {
        Some(4) => e
            .http_start_stop
            .as_ref()
            .map(prost::Message::encode_to_vec),
        Some(5) => e.log_message.as_ref().map(prost::Message::encode_to_vec),
        Some(7) => e.counter_event.as_ref().map(prost::Message::encode_to_vec),
        _ => None,
    }
}

fn peek_is_decode(bytes: &[u8]) -> Result<(), TestCaseError> {
    let decoded = v1::Envelope::decode(bytes);
    match (peek_v1(bytes), decoded) {
        (Ok(peek), Ok(e)) => {
            prop_assert!(is_complete(&e));
            prop_assert_eq!(Some(peek.event_type), e.event_type);
            prop_assert_eq!(peek.timestamp, e.timestamp());
            prop_assert_eq!(Some(peek.origin), e.origin.as_deref());
            prop_assert_eq!(peek.deployment, e.deployment.as_deref());
            prop_assert_eq!(peek.job, e.job.as_deref());
            prop_assert_eq!(peek.index, e.index.as_deref());
            prop_assert_eq!(peek.ip, e.ip.as_deref());
            let tag = e
                .tags
                .iter()
                .rfind(|tag| tag.key.as_deref() == Some(b"source_id"));
            let value = tag.map(|tag| tag.value.as_deref().unwrap_or_default());
            prop_assert_eq!(peek.source_id_tag, value);
            let (present, app) = body_and_app(&e);
            prop_assert_eq!(peek.body_present, present);
            prop_assert_eq!(peek.app_id().map(String::from), app);
            prop_assert_eq!(peek.class() == Class::Log, e.event_type == Some(5));
            if let Some(expected) = body(&e) {
                let found = peek.body();
                let found = match peek.event_type {
                    4 => v1::HttpStartStop::decode(&*found).unwrap().encode_to_vec(),
                    5 => v1::LogMessage::decode(&*found).unwrap().encode_to_vec(),
                    _ => v1::CounterEvent::decode(&*found).unwrap().encode_to_vec(),
                };
                prop_assert_eq!(found, expected);
            }
        }
        // As Go does, the walk takes a known field of another wire type for an unknown one.
        (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("wire type"), "{}", error),
        (Err(_), Ok(e)) => prop_assert!(!is_complete(&e)),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn peek_finds_what_a_decoder_finds(bytes in generate::bytes()) {
        peek_is_decode(&bytes)?;
    }

    #[test]
    fn peek_accepts_what_a_decoder_accepts(bytes in generate::any_bytes()) {
        peek_is_decode(&bytes)?;
    }

    #[test]
    fn uuids_are_read_as_written(low: u64, high: u64) {
        prop_assert_eq!(uuid::parse(&uuid::text(low, high)), Some((low, high)));
    }
}
