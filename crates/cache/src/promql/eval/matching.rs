//! How series of two vectors find each other: by the labels that the operator names.

use hashbrown::HashMap;

use super::{Row, Table};
use crate::promql::{
    Labels, Mode,
    ast::{Binary, Cardinality, Matching},
    labels::METRIC_NAME,
};

/// The groups of series that match each other, numbered.
pub(super) struct Groups<'m> {
    matching: &'m Matching,
    numbers: HashMap<Labels, usize>,
    labels: Vec<Labels>,
}

impl<'m> Groups<'m> {
    pub(super) fn new(matching: &'m Matching) -> Self {
        Self {
            matching,
            numbers: HashMap::new(),
            labels: Vec::new(),
        }
    }

    /// The group of each row.
    pub(super) fn of(&mut self, table: &Table) -> Vec<usize> {
        let matching = self.matching;
        let mut numbered = |row: &Row| {
            let labels = row.labels.retain(|name| {
                let named = matching.labels.iter().any(|label| &**label == name);
                if matching.on {
                    named
                } else {
                    !named && name != METRIC_NAME
                }
            });
            let next = self.labels.len();
            let number = *self.numbers.entry(labels.clone()).or_insert(next);
            if number == next {
                self.labels.push(labels);
            }
            number
        };
        table.rows.iter().map(&mut numbered).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// What the series of a group have in common.
    pub(super) fn labels(&self, group: usize) -> Labels {
        self.labels.get(group).cloned().unwrap_or_default()
    }
}

/// The labels of what comes of two series, the first of which is on the side with many.
pub(super) fn result_labels(binary: &Binary, many: &Labels, one: &Labels, mode: Mode) -> Labels {
    let matching = &binary.matching;
    let is_comparison = binary.op.is_comparison();
    let base = match mode {
        Mode::LogCache if !is_comparison || binary.returns_bool => many.without_name(),
        Mode::Modern if !is_comparison => many.without_metadata(),
        _ => many.clone(),
    };
    let listed = |name: &str| matching.labels.iter().any(|label| &**label == name);
    match &matching.cardinality {
        Cardinality::OneToOne => base.retain(|name| listed(name) == matching.on),
        Cardinality::ManyToOne(include) | Cardinality::OneToMany(include) => {
            let mut labels = base.edit();
            for name in include {
                labels.set(name.clone(), one.get(name));
            }
            labels.build()
        }
    }
}
