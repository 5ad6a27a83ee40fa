//! A drain or nozzle as the API shows it: no secrets.

use std::time::{SystemTime, UNIX_EPOCH};

use logweir_drain::{
    ChannelDrain, Drain, Exit, Scope,
    nozzle::{Nozzle, kind_name},
    url::DrainData,
};
use logweir_route::ledger::causes;
use serde_json::{Map, Value, json};

use super::Listed;

/// The JSON of one of them. Times are seconds since 1970.
pub(super) fn json(one: &Listed) -> Value {
    let Listed {
        origin,
        exit,
        status,
    } = one;
    let lost: Map<String, Value> = causes(&status.queue.dropped)
        .map(|(cause, count)| (cause.name().to_owned(), count.into()))
        .collect();
    let last_error = status
        .last_error
        .as_ref()
        .map(|(text, at)| json!({ "message": text, "at": seconds(*at) }));
    let mut shown = json!({
        "id": exit.id(),
        "source_id": exit.app(),
        "url": exit.shown(),
        "origin": origin.name(),
        "state": status.state.name(),
        "since": seconds(status.since),
        "connected_since": status.connected_since.map(seconds),
        "connections": status.connections,
        "last_error": last_error,
        "failures": status.failures,
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
    });
    let what = match exit {
        Exit::Drain(drain) => of_drain(drain),
        Exit::Channel(drain) => of_channel(drain),
        Exit::Nozzle(nozzle) => of_nozzle(nozzle),
    };
    if let (Value::Object(shown), Value::Object(what)) = (&mut shown, what) {
        shown.extend(what);
    }
    shown
}

fn of_drain(drain: &Drain) -> Value {
    json!({
        "hostname": match &drain.scope {
            Scope::App { hostname, .. } => hostname,
            Scope::Aggregate => "",
        },
        "takes": drain.url.params().data.name(),
        "metadata": drain.url.params().metadata,
        "client_certificate": !drain.pem.cert.is_empty(),
        "own_authorities": !drain.pem.ca.is_empty(),
        "headers": drain.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
    })
}

fn of_channel(drain: &ChannelDrain) -> Value {
    json!({
        "channel": &*drain.channel,
        "number": drain.number,
        "takes": DrainData::LogsNoEvents.name(),
        "firehose": drain.firehose,
    })
}

fn of_nozzle(nozzle: &Nozzle) -> Value {
    let takes = &nozzle.takes;
    let kinds: Vec<_> = takes.kinds.iter().map(|kind| kind_name(*kind)).collect();
    json!({
        "nozzle": nozzle.to.name(),
        "takes": kinds.join(", "),
        "source_ids": takes.sources,
        "shard_id": takes.shard,
    })
}

fn seconds(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds are fine enough, and short.
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}
