//! Any bytes are an OTLP request or none. What is taken is envelopes, within the bound, and
//! every record is counted once. The first byte chooses signal and encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::{peek::peek, v2};
use logweir_wire::otlp::{
    Defaults, Encoding, Signal, answer, export, import,
    messages::{LogRecord, Request, Span},
};
use prost::Message;

const DEFAULTS: Defaults<'_> = Defaults {
    source_id: "otlp",
    now: 1,
    most_bytes: 64 << 10,
};

/// How many records a request has, as prost reads it.
fn records<T: Message + Default + std::fmt::Debug>(body: &[u8]) -> Option<u64> {
    let request = Request::<T>::decode(body).ok()?;
    let scopes = request.resources.iter().flat_map(|one| &one.scopes);
    Some(scopes.map(|scope| scope.items.len() as u64).sum())
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let signal = Signal::ALL[usize::from(choice % 3)];
    let encoding = match choice / 3 % 2 {
        0 => Encoding::Protobuf,
        _ => Encoding::Json,
    };
    let (mut envelopes, mut bytes, mut longest) = (Vec::new(), 0, 0);
    let outcome = import(signal, encoding, body, &DEFAULTS, &mut |envelope| {
        assert!(peek(envelope).is_ok());
        bytes += envelope.len();
        longest = longest.max(envelope.len());
        envelopes.push(v2::Envelope::decode(envelope).expect("an envelope"));
    });
    let expected = match (signal, encoding) {
        (Signal::Logs, Encoding::Protobuf) => records::<LogRecord>(body),
        (Signal::Traces, Encoding::Protobuf) => records::<Span>(body),
        _ => None,
    };
    let Ok(outcome) = outcome else {
        assert!(envelopes.is_empty());
        assert!(expected.is_none());
        return;
    };
    if let Some(expected) = expected {
        assert_eq!(outcome.accepted + outcome.refused_total(), expected);
    }
    assert_eq!(outcome.envelopes, envelopes.len() as u64);
    // A point becomes a thousand envelopes at most.
    assert!(bytes <= DEFAULTS.most_bytes + 1100 * longest);
    if signal != Signal::Metrics {
        assert_eq!(outcome.envelopes, outcome.accepted);
    }
    let _ = answer(signal, encoding, &outcome);
    for envelope in envelopes {
        let _ = export::item(envelope, 2);
    }
});
