//! Rows of values: what vectors are while they are evaluated.

use hashbrown::HashMap;

use super::Evaluator;
use crate::promql::{
    EvalError, Labels, Mode,
    series::{STALE, is_stale},
};

/// In a row: there is no value at this step. The stale marker serves, for it never is a
/// value of a vector.
pub(crate) const ABSENT: f64 = STALE;

/// Whether a row has a value here.
pub(crate) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

/// One series of a vector.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// As many as there are steps, [`ABSENT`] where there is none.
    pub(crate) values: Vec<f64>,
    /// The name is to be dropped when all is done (Prometheus 3).
    pub(crate) drop_name: bool,
}

impl Row {
    /// Replaces each value that is there.
    pub(crate) fn map(&mut self, mut map: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if is_present(*value) {
                *value = map(step, *value);
            }
        }
    }

    /// The value at a step.
    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        self.values
            .get(step)
            .copied()
            .filter(|value| is_present(*value))
    }
}

/// A vector at all steps.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
}

impl Table {
    pub(crate) fn of_scalar(values: Vec<f64>) -> Self {
        Self {
            rows: vec![Row {
                labels: Labels::default(),
                values,
                drop_name: false,
            }],
        }
    }

    /// Drops names: now in 2.13, at the end of the query in Prometheus 3.
    pub(crate) fn drop_names(mut self, evaluator: &Evaluator<'_>) -> Result<Self, EvalError> {
        match evaluator.mode {
            Mode::Modern => {
                self.rows.iter_mut().for_each(|row| row.drop_name = true);
                Ok(self)
            }
            Mode::LogCache => {
                for row in &mut self.rows {
                    row.labels = row.labels.without_name();
                }
                self.merged(evaluator)
            }
        }
    }

    /// Drops the names that were to be dropped at the end.
    pub(crate) fn without_dropped_names(mut self) -> Self {
        for row in &mut self.rows {
            if row.drop_name {
                row.labels = row.labels.without_metadata();
                row.drop_name = false;
            }
        }
        self
    }

    /// One row for each label set. Two that have a value at the same step are an error.
    pub(crate) fn merged(self, evaluator: &Evaluator<'_>) -> Result<Self, EvalError> {
        let mut places: HashMap<Labels, usize> = HashMap::with_capacity(self.rows.len());
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            let place = *places.entry(row.labels.clone()).or_insert(rows.len());
            let Some(into) = rows.get_mut(place) else {
                rows.push(row);
                continue;
            };
            evaluator.budget.work(row.values.len())?;
            into.drop_name |= row.drop_name;
            for (have, value) in into.values.iter_mut().zip(row.values) {
                match (is_present(*have), is_present(value)) {
                    (true, true) => return Err(EvalError::same_labelset()),
                    (false, true) => *have = value,
                    _ => {}
                }
            }
        }
        Ok(Self { rows })
    }

    /// As [`Self::merged`]; 2.13 takes no two functions' results with the same labels, even
    /// at different steps.
    pub(crate) fn distinct(self, evaluator: &Evaluator<'_>) -> Result<Self, EvalError> {
        let before = self.rows.len();
        let merged = self.merged(evaluator)?;
        match merged.rows.len() == before {
            true => Ok(merged),
            false => Err(EvalError::same_labelset()),
        }
    }
}
