//! All series of a registry at one moment.

use std::collections::BTreeMap;

/// Label names and values, sorted by name as the text format shows them.
pub type Labels = BTreeMap<String, String>;

/// What a family's values mean over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Moves both ways.
    Gauge,
}

/// One series' value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Of a [`Kind::Counter`].
    Count(u64),
    /// Of a [`Kind::Gauge`].
    Level(f64),
}

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// One sentence for people.
    pub help: String,
    /// Counter or gauge.
    pub kind: Kind,
    /// Unit of a gauge, as its envelope names it; may be empty.
    pub unit: String,
    /// Values by labels.
    pub series: BTreeMap<Labels, Value>,
}

/// All families of a registry by name. Filled by the registry and its collectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Families by name.
    pub families: BTreeMap<String, Family>,
}

impl Snapshot {
    /// Adds a counter's value. Two values of one name and labels are added up.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        let series = &mut self.family(name, help, Kind::Counter, "").series;
        match series.entry(owned(labels)).or_insert(Value::Count(0)) {
            Value::Count(sum) => *sum += value,
            Value::Level(level) => *level += value as f64,
        }
    }

    /// Adds a gauge's value. Two values of one name and labels are added up.
    pub fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let series = &mut self.family(name, help, Kind::Gauge, unit).series;
        match series.entry(owned(labels)).or_insert(Value::Level(0.0)) {
            Value::Level(level) => *level += value,
            // One name with two kinds would be a mistake of this code base: the
            // first registration wins.
            Value::Count(_) => debug_assert!(false, "{name} is a counter"),
        }
    }

    /// The value of one series.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<Value> {
        self.families.get(name)?.series.get(&owned(labels)).copied()
    }

    fn family(&mut self, name: &str, help: &str, kind: Kind, unit: &str) -> &mut Family {
        self.families.entry(name.into()).or_insert_with(|| Family {
            help: help.into(),
            kind,
            unit: unit.into(),
            series: BTreeMap::new(),
        })
    }
}

/// Labels as a map of their own.
pub(super) fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}
