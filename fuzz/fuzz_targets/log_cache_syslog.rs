//! What a stranger sends to the syslog server of a log cache, in both framings: no panic,
//! no more memory than the limit, and only envelopes come out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::peek;
use logweir_wire::syslog::{
    framing::{Decoder, Framing, begun::Begun},
    log_cache::{self, Trim},
};

fuzz_target!(|input: &[u8]| {
    let Some((kind, stream)) = input.split_first() else {
        return;
    };
    let trim = match kind & 1 {
        0 => Trim::WhiteSpace,
        _ => Trim::Newline,
    };
    let take = |message: &[u8]| {
        let mut out = Vec::new();
        if log_cache::envelope(message, 1, trim, &mut out).is_ok() {
            peek(&out).expect("an envelope");
        }
    };
    let piece = usize::from(kind >> 2).max(1);
    if kind & 2 == 0 {
        let mut decoder = Decoder::with_framing(Framing::OctetCounted, 4096);
        for bytes in stream.chunks(piece) {
            decoder.push(bytes);
            while let Some(message) = decoder.next_message() {
                message.map(take).unwrap_or_default();
            }
        }
        let _ = decoder.finish();
    } else {
        let mut decoder = Begun::new(4096);
        for bytes in stream.chunks(piece) {
            decoder.push(bytes);
            while let Some(message) = decoder.next_message() {
                message.map(take).unwrap_or_default();
            }
        }
        decoder.finish().map(|last| last.map(take));
    }
});
