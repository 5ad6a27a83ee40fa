//! Log lines as an app writes them, no two alike: what a memory of text has to keep.

use std::{fmt::Write as _, sync::Arc};

use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use logweir_proto::frames::push_frame;
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

/// Envelopes of some sources in turn: encoded once, each time with another line and time.
pub(crate) struct Words {
    frames: Arc<[Frame]>,
    next: usize,
    state: u64,
    line: String,
}

/// The framed envelope of a source, and where what changes is in it.
pub(crate) struct Frame {
    bytes: Bytes,
    time: usize,
    payload: usize,
}

/// One for each of these sources.
pub(crate) fn frames(sources: &[String]) -> Result<Arc<[Frame]>> {
    sources.iter().map(|source| Frame::of(source)).collect()
}

impl Frame {
    fn of(source: &str) -> Result<Self> {
        let model = [b'.'; PAYLOAD];
        let envelope = load::envelope(source, model.to_vec());
        let time = load::time_field();
        let mut bytes = BytesMut::new();
        push_frame(&mut bytes, &envelope.encode_to_vec());
        Ok(Self {
            time: load::find(&bytes, &time).context("time not found")? + 1,
            payload: load::find(&bytes, &model).context("payload not found")?,
            bytes: bytes.freeze(),
        })
    }
}

impl Words {
    /// Those of sources from one of them on. `seed` makes them other than those of another
    /// one.
    pub(crate) fn of(frames: Arc<[Frame]>, first: usize, seed: u64) -> Self {
        Self {
            frames,
            next: first,
            state: seed | 1,
            line: String::new(),
        }
    }

    /// The frames of the next `count` envelopes, made at `now` (Unix nanoseconds).
    pub(crate) fn batch(&mut self, count: usize, now: u64) -> BytesMut {
        let mut frames = BytesMut::with_capacity(count * 640);
        for _ in 0..count {
            self.write_line();
            let frame = &self.frames[self.next % self.frames.len()];
            self.next += 1;
            let start = frames.len();
            frames.extend_from_slice(&frame.bytes);
            let made = &mut frames[start..];
            load::patch_time(&mut made[frame.time..frame.time + 9], now);
            made[frame.payload..frame.payload + PAYLOAD].copy_from_slice(self.line.as_bytes());
        }
        frames
    }

    /// A line of a usual length: what differs from line to line differs here.
    fn write_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        // Writing to a String cannot fail.
        let _ = write!(
            line,
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
        while line.len() < PAYLOAD {
            line.push_str(" ok");
        }
        line.truncate(PAYLOAD);
        self.line = line;
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
    use logweir_proto::v2;

    use super::*;

    #[test]
    fn lines_are_of_one_length_and_no_two_alike() {
        let sources = frames(&["a".into(), "b".into()]).unwrap();
        let now = 1_790_000_000_123_456_789;
        let frames = Words::of(sources, 0, 7).batch(50, now);
        let batch = v2::EnvelopeBatch::decode(&frames[..]).unwrap().batch;
        assert_eq!(batch.len(), 50);
        let mut seen = std::collections::BTreeSet::new();
        for (number, envelope) in batch.into_iter().enumerate() {
            assert_eq!(envelope.source_id, ["a", "b"][number % 2]);
            assert_eq!(envelope.timestamp.cast_unsigned(), now);
            let Some(v2::envelope::Message::Log(log)) = envelope.message else {
                panic!("no log");
            };
            assert_eq!(log.payload.len(), PAYLOAD);
            assert!(seen.insert(log.payload), "twice");
        }
    }
}
