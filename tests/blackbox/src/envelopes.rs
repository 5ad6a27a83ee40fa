//! Envelopes and requests of the tests.

use bytes::{BufMut, Bytes, BytesMut};
use logweir_proto::{frames::push_frame, v2};
use prost::Message;

/// A log of `source`.
pub fn log(source: &str, payload: impl AsRef<[u8]>) -> v2::Envelope {
    v2::Envelope {
        timestamp: 1_790_000_000_000_000_000,
        source_id: source.into(),
        instance_id: "0".into(),
        message: Some(v2::envelope::Message::Log(v2::Log {
            payload: Bytes::copy_from_slice(payload.as_ref()),
            r#type: v2::log::Type::Out.into(),
        })),
        ..v2::Envelope::default()
    }
}

/// A request for everything of every source, with preferred tags.
pub fn everything() -> v2::EgressBatchRequest {
    use v2::selector::Message;
    let kinds = [
        Message::Log(v2::LogSelector::default()),
        Message::Counter(v2::CounterSelector::default()),
        Message::Gauge(v2::GaugeSelector::default()),
        Message::Timer(v2::TimerSelector::default()),
        Message::Event(v2::EventSelector::default()),
    ];
    let selector = |message| v2::Selector {
        message: Some(message),
        ..v2::Selector::default()
    };
    v2::EgressBatchRequest {
        selectors: kinds.into_iter().map(selector).collect(),
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    }
}

/// The payload of a log as text; empty for anything else.
pub fn payload(envelope: &v2::Envelope) -> String {
    match &envelope.message {
        Some(v2::envelope::Message::Log(log)) => String::from_utf8_lossy(&log.payload).into_owned(),
        _ => String::new(),
    }
}

/// How many envelopes a notice says were lost; none if it is no notice.
pub fn told(envelope: &v2::Envelope) -> Option<u64> {
    if envelope.tags.get("source_type").map(String::as_str) != Some("LGR") {
        return None;
    }
    envelope.tags.get("dropped")?.parse().ok()
}

/// An `EnvelopeBatch` of these.
pub fn batch(envelopes: &[v2::Envelope]) -> Bytes {
    raw_batch(envelopes.iter().map(Message::encode_to_vec))
}

/// An `EnvelopeBatch` of envelopes that are bytes already, well-formed or not.
pub fn raw_batch(envelopes: impl IntoIterator<Item = Vec<u8>>) -> Bytes {
    let mut frames = BytesMut::new();
    for envelope in envelopes {
        push_frame(&mut frames, &envelope);
    }
    frames.freeze()
}

/// A batch with one log, of `size` bytes in all.
///
/// # Panics
/// When `size` is too small for a log.
pub fn batch_of_size(source: &str, size: usize) -> Bytes {
    let mut payload = size.checked_sub(64).expect("room for the envelope");
    loop {
        let batch = batch(&[log(source, vec![b'x'; payload])]);
        match batch.len().cmp(&size) {
            std::cmp::Ordering::Equal => return batch,
            std::cmp::Ordering::Less => payload += size - batch.len(),
            std::cmp::Ordering::Greater => payload -= batch.len() - size,
        }
    }
}

/// Appends an unknown field (number 1000) with `text` to an envelope's bytes.
pub fn with_unknown_field(envelope: &v2::Envelope, text: &str) -> Vec<u8> {
    let mut bytes = envelope.encode_to_vec();
    prost::encoding::encode_key(1000, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(text.len() as u64, &mut bytes);
    bytes.put_slice(text.as_bytes());
    bytes
}

/// An envelope with a tag whose value is not UTF-8, and a log of `payload`.
pub fn with_bad_tag(source: &str, payload: &str) -> Vec<u8> {
    let mut bytes = log(source, payload).encode_to_vec();
    // Field 9, a map entry: key "bad", value "a", 0xFF, "b".
    bytes.put_slice(b"\x4a\x0a\x0a\x03bad\x12\x03a\xffb");
    bytes
}

/// A request for the logs of `source`, with preferred tags.
pub fn logs_of(source: &str) -> v2::EgressBatchRequest {
    v2::EgressBatchRequest {
        selectors: vec![v2::Selector {
            source_id: source.into(),
            message: Some(v2::selector::Message::Log(v2::LogSelector::default())),
        }],
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    }
}
