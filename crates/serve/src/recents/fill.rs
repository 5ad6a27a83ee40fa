//! What of the chunks of one stroke is remembered.

use hashbrown::HashMap;

use logweir_cache::Recent;
use logweir_proto::{
    fields::fields,
    frames::frames,
    v2::{self, envelope::Message},
};
use logweir_route::Chunk;
use prost::Message as _;

/// Keys of the envelope's fields: number and wire type.
mod key {
    pub(super) const TIMESTAMP: u64 = 1 << 3;
    pub(super) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(super) const LOG: u64 = 4 << 3 | 2;
    pub(super) const GAUGE: u64 = 6 << 3 | 2;
}

/// The key of a tag, as it is on the wire.
const TAG: u8 = 9 << 3 | 2;

/// The metrics that make a gauge a container's.
const CONTAINER: [&str; 5] = ["cpu", "memory", "disk", "memory_quota", "disk_quota"];

/// What is looked at of an envelope.
#[derive(Default)]
struct Seen<'a> {
    timestamp: i64,
    source: &'a str,
    log: bool,
    gauge: bool,
}

/// Remembers the log lines and container metrics of these chunks, the oldest first.
pub(super) fn fill(recent: &mut Recent, chunks: &[Chunk], logs_per_source: usize) {
    let mut logs: HashMap<&str, usize> = HashMap::new();
    let mut kept = Vec::new();
    let mut of_chunk = Vec::new();
    for chunk in chunks.iter().rev() {
        of_chunk.clear();
        of_chunk.extend(frames(&chunk.frames).flatten().map(|frame| frame.envelope));
        for envelope in of_chunk.iter().rev() {
            let seen = look(envelope);
            if seen.log {
                let count = logs.entry(seen.source).or_default();
                if *count >= logs_per_source {
                    continue;
                }
                *count += 1;
                kept.push((*envelope, seen));
            } else if seen.gauge {
                kept.push((*envelope, seen));
            }
        }
    }
    for (envelope, seen) in kept.iter().rev() {
        if seen.log {
            recent.add_log(seen.source, seen.timestamp, envelope);
        } else if let Some(instance) = container(envelope) {
            recent.add_metric(seen.source, instance, seen.timestamp, envelope);
        }
    }
}

/// Looks at the top of an envelope that was checked when it came in.
fn look(envelope: &[u8]) -> Seen<'_> {
    let mut seen = Seen::default();
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
            key::SOURCE_ID => seen.source = field.text(),
            key::LOG => seen.log = true,
            key::GAUGE => seen.gauge = true,
            _ => {}
        }
        rest = &rest[field.end..];
    }
}

/// The instance whose container a gauge is of, by the rules for its V1 form (V1 spec,
/// §3.5).
fn container(envelope: &[u8]) -> Option<i32> {
    let quota = CONTAINER[4].as_bytes();
    if !envelope.windows(quota.len()).any(|at| at == quota) {
        return None;
    }
    let envelope = v2::Envelope::decode(envelope).ok()?;
    let Some(Message::Gauge(gauge)) = envelope.message else {
        return None;
    };
    let given = |name: &&str| {
        let metric = gauge.metrics.get(*name);
        metric.is_some_and(|metric| !metric.unit.is_empty() || metric.value != 0.0)
    };
    if !CONTAINER.iter().all(given) {
        return None;
    }
    let stated = gauge.metrics.get("instance_index");
    Some(match stated {
        // A float's cast to an integer saturates.
        #[allow(clippy::cast_possible_truncation)]
        Some(metric) => metric.value as i32,
        None => envelope.instance_id.parse().unwrap_or(0),
    })
}
