//! A drain as the API shows it: no secrets.

use std::time::{SystemTime, UNIX_EPOCH};

use logweir_drain::Scope;
use logweir_route::ledger::causes;
use serde_json::{Map, Value, json};

use super::Listed;

/// The JSON of one drain. Times are seconds since 1970.
pub(super) fn json(one: &Listed) -> Value {
    let Listed {
        origin,
        drain,
        status,
    } = one;
    let lost: Map<String, Value> = causes(&status.queue.dropped)
        .map(|(cause, count)| (cause.name().to_owned(), count.into()))
        .collect();
    let last_error = status
        .last_error
        .as_ref()
        .map(|(text, at)| json!({ "message": text, "at": seconds(*at) }));
    json!({
        "id": drain.id,
        "source_id": drain.scope.app(),
        "hostname": match &drain.scope {
            Scope::App { hostname, .. } => hostname,
            Scope::Aggregate => "",
        },
        "url": drain.url.anonymous(),
        "origin": origin.name(),
        "takes": drain.url.params().data.name(),
        "metadata": drain.url.params().metadata,
        "client_certificate": !drain.pem.cert.is_empty(),
        "own_authorities": !drain.pem.ca.is_empty(),
        "headers": drain.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "state": status.state.name(),
        "since": seconds(status.since),
        "connected_since": status.connected_since.map(seconds),
        "connections": status.connections,
        "last_error": last_error,
        "lag_seconds": status.lag.as_secs_f64(),
        "queued": status.queue.queued,
        "queued_bytes": status.queue.queued_bytes,
        "in_hand": status.in_hand,
        "written": status.written,
        "messages": status.messages,
        "bytes": status.bytes,
        "filtered": status.filtered,
        "sanitised": status.sanitised,
        "lost": lost,
        "spool": status.spool.map(|spool| {
            json!({ "waiting": spool.waiting, "dead": spool.dead, "lost": spool.lost })
        }),
    })
}

fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds are fine enough, and short.
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}
