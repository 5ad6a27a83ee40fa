//! A syslog connection means the same in chunks of any size, stays within its bound, and
//! every message of it becomes an envelope or says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::peek;
use logweir_wire::syslog::framing::{Decoder, FramingError};
use logweir_wire::syslog::parse::{Arrival, ParseError, envelope};

const LIMIT: usize = 64;

/// Messages, and what kind of error came between them.
fn received(stream: &[u8], chunk: usize) -> Vec<Result<Vec<u8>, &'static str>> {
    let kind = |error: FramingError| match error {
        FramingError::TooLong { .. } => "too long",
        FramingError::NoLength { .. } => "no length",
        FramingError::Truncated { .. } => "truncated",
    };
    let mut decoder = Decoder::new(LIMIT);
    let mut found = Vec::new();
    for chunk in stream.chunks(chunk) {
        decoder.push(chunk);
        while let Some(message) = decoder.next_message() {
            found.push(message.map(<[u8]>::to_vec).map_err(kind));
        }
    }
    if let Some(message) = decoder.finish() {
        found.push(message.map(<[u8]>::to_vec).map_err(kind));
    }
    found
}

fn read(message: &[u8]) {
    let arrival = Arrival {
        received: 1_772_600_767_000_000_000,
        source_id: "syslog",
    };
    let mut out = Vec::new();
    match envelope(message, &arrival, &mut out) {
        Ok(_) => {
            let peeked = peek(&out).expect("an envelope");
            assert!(peeked.kind.is_some());
            assert!(!peeked.source_id.is_empty());
        }
        Err(ParseError::Empty | ParseError::BadMetric { .. }) => assert!(out.is_empty()),
    }
}

fuzz_target!(|stream: &[u8]| {
    let expected = received(stream, stream.len().max(1));
    for chunk in [1, 2, 7] {
        assert_eq!(received(stream, chunk), expected);
    }
    for message in expected.into_iter().flatten() {
        assert!(message.len() <= LIMIT);
        read(&message);
    }
    // A datagram is a message as it stands.
    read(stream);
});
