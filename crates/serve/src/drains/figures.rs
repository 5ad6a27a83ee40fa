//! What drains count, under the peers' names (spec agents-and-drains §1.4) and ours.

use std::{collections::BTreeMap, sync::Arc};

use logweir_drain::{Exit, Scope, delivery::DrainState};
use logweir_route::ledger::causes;

use super::{ChannelTotals, Drains, Listed};
use crate::metrics::{Registry, Snapshot};

/// Reports the drains with each snapshot. Series of a drain go when it goes.
pub(crate) fn collect(registry: &Registry, drains: &Arc<Drains>) {
    let drains = Arc::clone(drains);
    registry.collect(move |to| {
        let all = drains.list();
        let count = |wanted: &dyn Fn(&Listed) -> bool| {
            let found = all.iter().filter(|one| wanted(one));
            found.count() as f64
        };
        let unit = [("unit", "count")];
        let scoped = |one: &Listed, scope| scope_of(&one.exit) == scope;
        let aggregate = |one: &Listed| scoped(one, "aggregate");
        let help = "Drains of single sources.";
        to.gauge(
            "drains",
            help,
            "count",
            &unit,
            count(&|one| scoped(one, "app")),
        );
        let help = "Drains of all sources.";
        to.gauge("aggregate_drains", help, "count", &unit, count(&aggregate));
        let active = |one: &Listed| one.status.state != DrainState::Idle;
        let help = "Drains that have something to deliver, or a connection.";
        to.gauge("active_drains", help, "count", &unit, count(&active));
        states(&all, to);
        for one in all.iter().filter(|one| !scoped(one, "channel")) {
            report(one, to);
        }
        report_channels(&drains.channel_totals(), to);
    });
}

fn states(all: &[Listed], to: &mut Snapshot) {
    let mut by_state: BTreeMap<&str, f64> = BTreeMap::new();
    for one in all {
        *by_state.entry(one.status.state.name()).or_default() += 1.0;
    }
    for (state, count) in by_state {
        let help = "Drains by what they are doing.";
        to.gauge("logweir_drains", help, "drains", &[("state", state)], count);
    }
}

fn scope_of(exit: &Exit) -> &'static str {
    match exit {
        Exit::Nozzle(_) => "nozzle",
        Exit::Channel(_) => "channel",
        Exit::Drain(drain) => match drain.scope {
            Scope::App { .. } => "app",
            Scope::Aggregate => "aggregate",
        },
    }
}

fn report(one: &Listed, to: &mut Snapshot) {
    let labels = [
        ("direction", "egress"),
        ("drain_scope", scope_of(&one.exit)),
        ("drain_url", one.exit.shown()),
    ];
    let help = "Messages that a drain's receiver took.";
    to.counter("egress", help, &labels, one.status.messages);
    let help = "Envelopes that a drain's receiver did not get.";
    let lost = one.status.queue.dropped_total();
    to.counter("messages_dropped_per_drain", help, &labels, lost);
    if let Exit::Nozzle(_) = &one.exit {
        report_nozzle(one, to);
    }
}

/// Channels are many, so their drains have series together; each has its line in the
/// statistics, and stands in the list of drains.
fn report_channels(totals: &ChannelTotals, to: &mut Snapshot) {
    if totals.is_empty() {
        return;
    }
    let help = "Lines that drains of channels have delivered.";
    to.counter(
        "logweir_channel_drains_delivered",
        help,
        &[],
        totals.delivered,
    );
    let help = "Failed attempts of drains of channels.";
    to.counter(
        "logweir_channel_drains_failures",
        help,
        &[],
        totals.failures,
    );
    let help = "Lines that drains of channels have lost, by cause.";
    for (cause, count) in causes(&totals.dropped) {
        let labels = [("cause", cause.name())];
        to.counter("logweir_channel_drains_dropped", help, &labels, count);
    }
    let help = "Lines that wait for drains of channels.";
    let waiting = totals.waiting as f64;
    to.gauge(
        "logweir_channel_drains_waiting",
        help,
        "lines",
        &[],
        waiting,
    );
}

/// Nozzles are few, so each cause has its series.
fn report_nozzle(one: &Listed, to: &mut Snapshot) {
    let status = &one.status;
    let id = ("nozzle", one.exit.id());
    let help = "Envelopes that a nozzle has delivered.";
    to.counter("logweir_nozzle_written", help, &[id], status.written);
    let help = "Envelopes that a nozzle has lost, by cause.";
    for (cause, count) in causes(&status.queue.dropped) {
        let labels = [id, ("cause", cause.name())];
        to.counter("logweir_nozzle_dropped", help, &labels, count);
    }
    let help = "Attempts of a nozzle that failed.";
    to.counter("logweir_nozzle_failures", help, &[id], status.failures);
    let help = "Envelopes that wait for a nozzle.";
    let waiting = (status.queue.queued + status.in_hand) as f64;
    to.gauge("logweir_nozzle_waiting", help, "envelopes", &[id], waiting);
    let help = "How old what a nozzle delivered last was, while more was waiting.";
    let lag = status.lag.as_secs_f64();
    to.gauge("logweir_nozzle_lag", help, "seconds", &[id], lag);
}
