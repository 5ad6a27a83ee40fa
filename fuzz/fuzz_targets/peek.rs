//! frames and peek find what a decoder finds, and refuse what it refuses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::frames::frames;
use logweir_proto::peek::{PeekError, peek};
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

fuzz_target!(|batch: &[u8]| {
    let decoded = v2::EnvelopeBatch::decode(batch);
    let split: Result<Vec<_>, _> = frames(batch).collect();
    let Ok(split) = split else {
        assert!(decoded.is_err(), "a decoder accepts what frames refuses");
        return;
    };
    let peeked: Result<Vec<_>, _> = split.iter().map(|frame| peek(frame.envelope)).collect();
    let (peeked, decoded) = match (peeked, decoded) {
        (Ok(peeked), Ok(decoded)) => (peeked, decoded),
        (Err(_), Err(_)) => return,
        // A map of another wire type is one to prost and an unknown field to Go.
        (Err(PeekError::Malformed("wrong wire type for a known field")), Ok(_)) => return,
        (Err(error), Ok(_)) => panic!("a decoder accepts what peek refuses: {error}"),
        (Ok(_), Err(error)) => panic!("a decoder refuses what peek accepts: {error}"),
    };
    assert_eq!(peeked.len(), decoded.batch.len());
    for (peek, envelope) in peeked.iter().zip(&decoded.batch) {
        assert_eq!(peek.timestamp, envelope.timestamp);
        assert_eq!(peek.source_id, envelope.source_id);
        assert_eq!(peek.instance_id, envelope.instance_id);
        assert_eq!(peek.has_deprecated_tags, !envelope.deprecated_tags.is_empty());
        let (name, names) = match &envelope.message {
            Some(Message::Counter(counter)) => (Some(&counter.name), vec![]),
            Some(Message::Timer(timer)) => (Some(&timer.name), vec![]),
            Some(Message::Gauge(gauge)) => (None, gauge.metrics.keys().cloned().collect()),
            _ => (None, vec![]),
        };
        assert_eq!(peek.metric_name().as_deref(), name.map(String::as_str));
        assert_eq!(peek.gauge_names(), names);
    }
});
