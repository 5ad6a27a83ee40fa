//! Gauges that tell of a container.

use bytes::Bytes;
use hashbrown::HashSet;
use logweir_cache::{Query, Store, Types};
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

/// The metrics that make a gauge a container's.
const CONTAINER: [&str; 5] = ["cpu", "memory", "disk", "memory_quota", "disk_quota"];

/// Most instances of a source that are answered.
const INSTANCES: usize = 1000;
/// Gauges that are looked at for them at most, …
const GAUGES: usize = 5 * INSTANCES;
/// … and their bytes.
const SCAN: usize = 16 << 20;

/// The newest gauge of each container of a source that is not from before `since` (Unix
/// time in nanoseconds), by instance.
pub(super) fn newest(store: &Store, source: &str, since: i64) -> Vec<Bytes> {
    let page = store.read(&Query {
        start: since,
        types: Types::GAUGE,
        descending: true,
        limit: GAUGES,
        max_bytes: SCAN,
        max_scan: SCAN,
        ..Query::all(source)
    });
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for envelope in page.envelopes {
        if let Some(instance) = instance(&envelope)
            && seen.len() < INSTANCES
            && seen.insert(instance)
        {
            found.push((instance, envelope));
        }
    }
    found.sort_unstable_by_key(|(instance, _)| *instance);
    found.into_iter().map(|(_, envelope)| envelope).collect()
}

/// The instance whose container a gauge is of, by the rules for its V1 form (V1 spec,
/// §3.5).
pub(super) fn instance(envelope: &[u8]) -> Option<i32> {
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
