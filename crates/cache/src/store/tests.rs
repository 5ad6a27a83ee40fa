#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

mod bounds;
mod model;
mod pages;
mod saving;
mod sources;

use bytes::Bytes;
use logweir_proto::v2::{self, envelope::Message as Body};
use prost::Message;

use super::*;

/// Much room, no age.
fn roomy() -> StoreLimits {
    StoreLimits {
        bytes: 1 << 30,
        max_age: None,
        max_age_of: Vec::new(),
        per_source_envelopes: None,
        compress: true,
    }
}

fn envelope(source: &str, timestamp: i64, message: Option<Body>) -> Vec<u8> {
    let tags = ["deployment", "job", "index", "origin"];
    v2::Envelope {
        timestamp,
        source_id: source.into(),
        instance_id: "0".into(),
        tags: tags.map(|tag| (tag.into(), format!("the {tag}"))).into(),
        message,
        ..v2::Envelope::default()
    }
    .encode_to_vec()
}

fn log(source: &str, timestamp: i64, text: &str) -> Vec<u8> {
    let log = v2::Log {
        payload: text.to_owned().into(),
        ..v2::Log::default()
    };
    envelope(source, timestamp, Some(Body::Log(log)))
}

fn put(store: &Store, now: i64, source: &str, timestamp: i64, text: &str) {
    let envelope = log(source, timestamp, text);
    let types = Types::LOG;
    store.put(
        now,
        [Put {
            source_id: source,
            timestamp,
            types,
            envelope: &envelope,
        }],
    );
}

/// A text that cannot be compressed.
fn noise(seed: i64) -> String {
    let mut state = seed.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let digits = (0..200).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).unwrap())
    });
    digits.collect()
}

/// The texts of log lines.
fn texts(envelopes: &[Bytes]) -> Vec<String> {
    let text = |envelope: &Bytes| {
        let envelope = v2::Envelope::decode(envelope.clone()).unwrap();
        let Some(Body::Log(log)) = envelope.message else {
            panic!("no log line: {envelope:?}");
        };
        String::from_utf8(log.payload.to_vec()).unwrap()
    };
    envelopes.iter().map(text).collect()
}
