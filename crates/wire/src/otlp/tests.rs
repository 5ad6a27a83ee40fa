#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

mod exported;
mod hostile;
mod imported;
mod properties;

use logweir_proto::v2;
use prost::Message;
use serde_json::Value;

use super::{Defaults, Encoding, Malformed, Outcome, Refusal, Signal, import};

const NOW: i64 = 42;

fn defaults() -> Defaults<'static> {
    Defaults {
        source_id: "otlp",
        now: NOW,
        most_bytes: 1 << 20,
    }
}

/// What a request becomes.
fn envelopes(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
) -> Result<(Vec<v2::Envelope>, Outcome), Malformed> {
    let mut all = Vec::new();
    let outcome = import(signal, encoding, body, &defaults(), &mut |envelope| {
        all.push(v2::Envelope::decode(envelope).unwrap());
    })?;
    assert_eq!(outcome.envelopes, all.len() as u64);
    Ok((all, outcome))
}

fn from_json(signal: Signal, request: &Value) -> (Vec<v2::Envelope>, Outcome) {
    envelopes(signal, Encoding::Json, request.to_string().as_bytes()).unwrap()
}

fn refused(refusal: Refusal, count: u64) -> [u64; Refusal::COUNT] {
    let mut all = [0; Refusal::COUNT];
    all[refusal.index()] = count;
    all
}

fn tags(envelope: &v2::Envelope) -> Vec<(&str, &str)> {
    let tags = envelope.tags.iter();
    tags.map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
