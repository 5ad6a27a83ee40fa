//! What is known of each target, for the metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::metrics::Registry;

/// The outcome of the last scrape of one target, and sums of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Where its page is, as it may be shown.
    pub(super) target: String,
    pub(super) source_id: String,
    pub(super) up: bool,
    pub(super) took: Duration,
    pub(super) series: usize,
    pub(super) bad_lines: u64,
    pub(super) left_out: u64,
}

/// The states of all targets. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct States(Arc<Mutex<BTreeMap<u64, State>>>);

impl States {
    /// States that the metrics show.
    pub(super) fn shown(registry: &Registry) -> Self {
        let states = Self::default();
        let shown = states.clone();
        registry.collect(move |to| {
            for state in shown.lock().values() {
                let labels = [("source_id", &*state.source_id), ("target", &*state.target)];
                let mut gauge =
                    |name, help, unit, value| to.gauge(name, help, unit, &labels, value);
                let help = "1 if the last scrape of the target succeeded, 0 if not.";
                gauge("logweir_scrape_up", help, "", f64::from(u8::from(state.up)));
                let help = "How long the last scrape took.";
                let took = state.took.as_secs_f64();
                gauge("logweir_scrape_duration_seconds", help, "seconds", took);
                let help = "Series of the last page.";
                gauge("logweir_scrape_series", help, "series", state.series as f64);
                let help = "Lines of the target's pages that could not be read.";
                to.counter("logweir_scrape_bad_lines", help, &labels, state.bad_lines);
                let help =
                    "Series that were left out: over the limit, or counters that are no number.";
                to.counter("logweir_scrape_left_out", help, &labels, state.left_out);
            }
        });
        states
    }

    /// Changes what is known of a target.
    pub(super) fn update(&self, target: u64, change: impl FnOnce(&mut State)) {
        change(self.lock().entry(target).or_default());
    }

    /// A target is gone.
    pub(super) fn forget(&self, target: u64) {
        self.lock().remove(&target);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
