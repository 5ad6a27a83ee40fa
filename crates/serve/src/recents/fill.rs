//! What of the chunks of one stroke is kept.

use hashbrown::HashMap;
use logweir_cache::{Put, Store, Types};
use logweir_proto::{fields::fields, frames::frames};
use logweir_route::Chunk;

use super::container;

/// Keys of the envelope's fields: number and wire type.
mod key {
    pub(super) const TIMESTAMP: u64 = 1 << 3;
    pub(super) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(super) const LOG: u64 = 4 << 3 | 2;
    pub(super) const COUNTER: u64 = 5 << 3 | 2;
    pub(super) const GAUGE: u64 = 6 << 3 | 2;
    pub(super) const TIMER: u64 = 7 << 3 | 2;
    pub(super) const EVENT: u64 = 10 << 3 | 2;
}

/// The key of a tag, as it is on the wire.
const TAG: u8 = 9 << 3 | 2;

/// Keeps all of these chunks.
pub(super) fn all(store: &Store, now: i64, chunks: &[Chunk]) {
    let frames = chunks.iter().flat_map(|chunk| frames(&chunk.frames));
    store.put(now, frames.flatten().map(|frame| look(frame.envelope)));
}

/// Keeps the newest log lines of each source in these chunks, which are the oldest
/// first, and container metrics.
pub(super) fn newest(store: &Store, now: i64, chunks: &[Chunk], logs_per_source: usize) {
    let mut logs: HashMap<&str, usize> = HashMap::new();
    let mut kept = Vec::new();
    let mut of_chunk = Vec::new();
    for chunk in chunks.iter().rev() {
        of_chunk.clear();
        of_chunk.extend(frames(&chunk.frames).flatten().map(|frame| frame.envelope));
        for envelope in of_chunk.iter().rev() {
            let put = look(envelope);
            if put.types == Types::LOG {
                let count = logs.entry(put.source_id).or_default();
                if *count < logs_per_source {
                    *count += 1;
                    kept.push(put);
                }
            } else if put.types == Types::GAUGE && container::instance(envelope).is_some() {
                kept.push(put);
            }
        }
    }
    store.put(now, kept.into_iter().rev());
}

/// Looks at the top of an envelope that was checked when it came in.
fn look(envelope: &[u8]) -> Put<'_> {
    let mut seen = Put {
        source_id: "",
        timestamp: 0,
        types: Types::OTHER,
        envelope,
    };
    let mut rest = envelope;
    loop {
        // Most of the fields are tags, whose lengths are of one byte.
        while let [TAG, len @ 0..0x80, tail @ ..] = rest
            && let Some(after) = tail.get(usize::from(*len)..)
        {
            rest = after;
        }
        let Some(field) = fields(rest).next() else {
            return seen;
        };
        match field.key {
            key::TIMESTAMP => seen.timestamp = field.varint().cast_signed(),
            key::SOURCE_ID => seen.source_id = field.text(),
            key::LOG => seen.types = Types::LOG,
            key::COUNTER => seen.types = Types::COUNTER,
            key::GAUGE => seen.types = Types::GAUGE,
            key::TIMER => seen.types = Types::TIMER,
            key::EVENT => seen.types = Types::EVENT,
            _ => {}
        }
        rest = &rest[field.end..];
    }
}
