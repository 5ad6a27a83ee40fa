//! What drains count, under the peers' names (spec agents-and-drains §1.4) and ours.

use std::{collections::BTreeMap, sync::Arc};

use logweir_drain::{Scope, delivery::DrainState};

use super::{Drains, Listed};
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
        let aggregate = |one: &Listed| one.drain.scope == Scope::Aggregate;
        let help = "Drains of single sources.";
        to.gauge(
            "drains",
            help,
            "count",
            &unit,
            count(&|one| !aggregate(one)),
        );
        let help = "Drains of all sources.";
        to.gauge("aggregate_drains", help, "count", &unit, count(&aggregate));
        let active = |one: &Listed| one.status.state != DrainState::Idle;
        let help = "Drains that have something to deliver, or a connection.";
        to.gauge("active_drains", help, "count", &unit, count(&active));
        states(&all, to);
        for one in &all {
            report(one, to);
        }
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

fn report(one: &Listed, to: &mut Snapshot) {
    let scope = match one.drain.scope {
        Scope::App { .. } => "app",
        Scope::Aggregate => "aggregate",
    };
    let labels = [
        ("direction", "egress"),
        ("drain_scope", scope),
        ("drain_url", one.drain.url.anonymous()),
    ];
    let help = "Messages that a drain's receiver took.";
    to.counter("egress", help, &labels, one.status.messages);
    let help = "Envelopes that a drain's receiver did not get.";
    let lost = one.status.queue.dropped_total();
    to.counter("messages_dropped_per_drain", help, &labels, lost);
}
