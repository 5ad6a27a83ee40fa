//! The registry: handles that the code counts with, and collectors that read
//! figures kept elsewhere.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::snapshot::{Labels, Snapshot, owned};

/// A number that only grows. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `amount`; call it once per batch, not per envelope.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that moves both ways. Clones are the same gauge.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds `change`, which may be negative.
    pub fn add(&self, change: f64) {
        let moved = |bits| Some((f64::from_bits(bits) + change).to_bits());
        // The closure never refuses, so the update always takes place.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

type Collector = Box<dyn Fn(&mut Snapshot) + Send + Sync>;

struct Series<T> {
    help: String,
    unit: String,
    handles: BTreeMap<Labels, T>,
}

#[derive(Default)]
struct Inner {
    counters: BTreeMap<String, Series<Counter>>,
    gauges: BTreeMap<String, Series<Gauge>>,
    collectors: Vec<Collector>,
}

/// The metrics of one role. Clones are the same registry.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Inner>>);

impl Registry {
    /// A registry without metrics.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name and these labels, made at the first call.
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        handle(&mut self.lock().counters, name, help, "", labels)
    }

    /// The gauge of this name and these labels, made at the first call. `unit` is
    /// what its envelope names, such as `subscriptions` or `bytes`; may be empty.
    pub fn gauge(&self, name: &str, help: &str, unit: &str, labels: &[(&str, &str)]) -> Gauge {
        handle(&mut self.lock().gauges, name, help, unit, labels)
    }

    /// Adds a function that reports figures kept elsewhere, such as the ledger of
    /// an exchange. It runs at each snapshot and must not call this registry.
    pub fn collect(&self, collector: impl Fn(&mut Snapshot) + Send + Sync + 'static) {
        self.lock().collectors.push(Box::new(collector));
    }

    /// All series at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        let mut snapshot = Snapshot::default();
        for (name, series) in &inner.counters {
            for (labels, counter) in &series.handles {
                snapshot.counter(name, &series.help, &borrowed(labels), counter.get());
            }
        }
        for (name, series) in &inner.gauges {
            for (labels, gauge) in &series.handles {
                let unit = &series.unit;
                snapshot.gauge(name, &series.help, unit, &borrowed(labels), gauge.get());
            }
        }
        for collector in &inner.collectors {
            collector(&mut snapshot);
        }
        snapshot
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A collector that panicked leaves the maps whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn handle<T: Clone + Default>(
    families: &mut BTreeMap<String, Series<T>>,
    name: &str,
    help: &str,
    unit: &str,
    labels: &[(&str, &str)],
) -> T {
    let series = families.entry(name.into()).or_insert_with(|| Series {
        help: help.into(),
        unit: unit.into(),
        handles: BTreeMap::new(),
    });
    series.handles.entry(owned(labels)).or_default().clone()
}

fn borrowed(labels: &Labels) -> Vec<(&str, &str)> {
    labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
