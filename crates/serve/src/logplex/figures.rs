//! Logplex's figures under the peer's names (spec logplex §6.1, §6.2).

use std::sync::Arc;

use super::{Logplex, input::Count, model::ApiStatus};
use crate::metrics::{Registry, Snapshot};

/// Where each name of the peer comes from.
const COUNTS: [(&str, &str, Count); 7] = [
    (
        "message.received",
        "Messages with a known token.",
        Count::Received,
    ),
    (
        "message.processed",
        "Messages that went to their channel.",
        Count::Taken,
    ),
    (
        "message.received-malformed",
        "Pieces that are no message.",
        Count::Malformed,
    ),
    (
        "message_batch.processed",
        "Requests to /logs that were taken.",
        Count::Batches,
    ),
    (
        "message_batch.failed",
        "Requests to /logs of which nothing was taken.",
        Count::BatchesFailed,
    ),
    (
        "unknown_token",
        "Messages whose token nobody knows.",
        Count::UnknownToken,
    ),
    (
        "unknown_channel",
        "Messages whose token's channel nobody knows.",
        Count::UnknownChannel,
    ),
];

/// Reports them with each snapshot.
pub(crate) fn collect(registry: &Registry, logplex: &Arc<Logplex>) {
    let logplex = Arc::clone(logplex);
    registry.collect(move |to| report(&logplex, to));
}

fn report(logplex: &Logplex, to: &mut Snapshot) {
    let counts = logplex.input.counts();
    for (name, help, count) in COUNTS {
        to.counter(name, help, &[], counts.get(count));
    }
    if let Some(running) = logplex.drains.get() {
        let totals = running.drains.channel_totals();
        let help = "Lines that drains of channels have delivered.";
        to.counter("drain.delivered", help, &[], totals.delivered);
        let dropped = totals.dropped.iter().sum();
        let help = "Lines that drains of channels have lost.";
        to.counter("drain.dropped", help, &[], dropped);
    }
    let tails = logplex.tails.counts();
    let help = "Sessions that were fetched.";
    to.counter("session.accessed", help, &[], tails.accessed());
    let help = "Sessions that were fetched to go on with what comes.";
    to.counter("session.tailed", help, &[], tails.tailed());
    requests(logplex, to);
    rods(logplex, to);
}

fn requests(logplex: &Logplex, to: &mut Snapshot) {
    for (resource, of) in logplex.requests.each() {
        for (class, count) in of.statuses() {
            let name = format!("logplex.http.{resource}.status.{class}");
            let help = "Answers of the API, by resource and status.";
            to.counter(&name, help, &[], count);
        }
        let name = format!("logplex.http.{resource}.latency.ms");
        let help = "How long the last answer of the API took until it began.";
        let latency = of.latency().as_secs_f64() * 1e3;
        to.gauge(&name, help, "ms", &[], latency);
    }
    let help = "Requests for nothing that there is.";
    let unknown = logplex.requests.unknown();
    to.counter("logplex.http.unknown_resource", help, &[], unknown);
}

fn rods(logplex: &Logplex, to: &mut Snapshot) {
    let rods = logplex.book.registry().rods();
    for (rod, active) in [
        ("deny_redis_buffers", rods.deny_redis_buffers),
        ("deny_tail_sessions", rods.deny_tail_sessions),
        ("deny_drain_forwarding", rods.deny_drain_forwarding),
        ("deny_logs_ingress", rods.deny_logs_ingress),
        ("disable_firehose", rods.disable_firehose),
        ("disable_api", rods.api == ApiStatus::Disabled),
    ] {
        let name = format!("logplex.control_rod.{rod}.active");
        let help = "Whether an operator has switched this off.";
        to.gauge(&name, help, "", &[], f64::from(u8::from(active)));
    }
}
