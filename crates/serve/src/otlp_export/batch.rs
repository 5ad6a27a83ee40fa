//! A chunk of a queue as a request.

use logweir_proto::{frames::frames, v2};
use logweir_route::Chunk;
use logweir_wire::otlp::{
    Signal,
    export::{self, Item, LeftOut},
};
use prost::Message;

/// What a chunk becomes.
pub(super) struct Batch {
    pub(super) request: Vec<u8>,
    /// Log records, metrics or spans in it.
    pub(super) items: u64,
    /// Envelopes that have no place in OTLP, in the order of [`LeftOut::ALL`].
    pub(super) left_out: [u64; LeftOut::COUNT],
}

impl Batch {
    pub(super) fn of(signal: Signal, chunk: &Chunk, now: i64) -> Self {
        let (mut records, mut metrics, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        let mut left_out = [0; LeftOut::COUNT];
        // Frames of a chunk were checked.
        for frame in frames(&chunk.frames).flatten() {
            let Ok(envelope) = v2::Envelope::decode(frame.envelope) else {
                continue;
            };
            match export::item(envelope, now) {
                Ok(Item::Log(record)) => records.push(record),
                Ok(Item::Metrics(more)) => metrics.extend(more),
                Ok(Item::Span(span)) => spans.push(span),
                Err(why) => left_out[why.index()] += 1,
            }
        }
        let items = (records.len() + metrics.len() + spans.len()) as u64;
        let request = match signal {
            Signal::Logs => export::logs(records),
            Signal::Metrics => export::metrics(metrics),
            Signal::Traces => export::spans(spans),
        };
        Self {
            request,
            items,
            left_out,
        }
    }
}
