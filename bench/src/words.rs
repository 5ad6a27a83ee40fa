//! Log lines as an app writes them, no two alike: what a memory of text has to keep.

use bytes::BytesMut;
use logweir_proto::{frames::push_frame, v2};
use prost::Message;

use crate::{line::PAYLOAD, load};

const PATHS: [&str; 8] = [
    "/api/v2/orders",
    "/api/v2/orders/items",
    "/api/v2/customers",
    "/checkout/confirm",
    "/basket",
    "/search",
    "/healthz",
    "/api/v1/stock/levels",
];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const STATUSES: [u16; 6] = [200, 200, 200, 204, 404, 500];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "okhttp/4.12.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)",
    "curl/8.5.0",
];

/// Envelopes of some sources in turn, made one by one.
pub(crate) struct Words {
    sources: Vec<String>,
    next: usize,
    state: u64,
}

impl Words {
    /// `seed` makes them other than those of another one.
    pub(crate) fn of(sources: Vec<String>, seed: u64) -> Self {
        Self {
            sources,
            next: 0,
            state: seed | 1,
        }
    }

    /// The frames of the next `count` envelopes, made at `now` (Unix nanoseconds).
    pub(crate) fn batch(&mut self, count: usize, now: i64) -> BytesMut {
        let mut frames = BytesMut::with_capacity(count * 640);
        for _ in 0..count {
            let line = self.line().into_bytes();
            let source = &self.sources[self.next % self.sources.len()];
            self.next += 1;
            let envelope = v2::Envelope {
                timestamp: now,
                ..load::envelope(source, line)
            };
            push_frame(&mut frames, &envelope.encode_to_vec());
        }
        frames
    }

    /// A line of a usual length: what differs from line to line differs here.
    fn line(&mut self) -> String {
        let mut line = format!(
            "level=info method={} path={} status={} duration_ms={} bytes={} request_id={:016x}{:016x} remote=10.{}.{}.{} user={} agent=\"{}\" trace={:016x}",
            self.one(&METHODS),
            self.one(&PATHS),
            self.one(&STATUSES),
            self.below(900),
            self.below(60_000),
            self.number(),
            self.number(),
            self.below(256),
            self.below(256),
            self.below(256),
            self.below(100_000),
            self.one(&AGENTS),
            self.number(),
        );
        line.truncate(PAYLOAD);
        while line.len() < PAYLOAD {
            line.push_str(" ok");
        }
        line.truncate(PAYLOAD);
        line
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.number()).unwrap_or(0) % of.len();
        of[at]
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// SplitMix64: the same load in every run.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) >> 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_one_length_and_no_two_alike() {
        let mut words = Words::of(vec!["a".into(), "b".into()], 7);
        let frames = words.batch(50, 9);
        let batch = v2::EnvelopeBatch::decode(&frames[..]).unwrap().batch;
        assert_eq!(batch.len(), 50);
        let mut seen = std::collections::BTreeSet::new();
        for (number, envelope) in batch.into_iter().enumerate() {
            assert_eq!(envelope.source_id, ["a", "b"][number % 2]);
            let Some(v2::envelope::Message::Log(log)) = envelope.message else {
                panic!("no log");
            };
            assert_eq!(log.payload.len(), PAYLOAD);
            assert!(seen.insert(log.payload), "twice");
        }
    }
}
