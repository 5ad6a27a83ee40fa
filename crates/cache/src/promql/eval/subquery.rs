//! Subqueries: an expression evaluated at instants of its own, taken as samples.

use super::{
    Evaluator, SUBQUERY_STEP_MS, Steps, Table, Value, is_present,
    ranges::{RangeSeries, Ranges},
};
use crate::promql::{EvalError, Mode, Sample, ast::Subquery, limits::Use};

impl Evaluator<'_> {
    pub(super) fn subquery(&self, subquery: &Subquery) -> Result<Ranges, EvalError> {
        let shifted = self.shifted(&subquery.shift)?;
        let range = self.positive_duration(&subquery.range)?;
        let interval = match &subquery.step {
            Some(step) => self.positive_duration(step)?,
            None => SUBQUERY_STEP_MS,
        };
        let (first, last) = self.looked_at(shifted);
        let earliest = first.saturating_sub(range);
        // Instants are multiples of the interval, whenever the query starts.
        let mut start = earliest.div_euclid(interval).saturating_mul(interval);
        let outside = |time| match self.mode {
            Mode::LogCache => time < earliest,
            Mode::Modern => time <= earliest,
        };
        if outside(start) {
            start = start.saturating_add(interval);
        }
        if start > last {
            return Ok(Ranges::new(Vec::new(), range, shifted, self.mode));
        }
        let count = usize::try_from(last.saturating_sub(start) / interval)
            .ok()
            .filter(|behind| *behind < self.budget.limits().samples)
            .ok_or(EvalError::TooManySamples)?
            + 1;
        let inner = Self {
            steps: Steps {
                start,
                interval,
                count,
            },
            ..*self
        };
        let table = match inner.eval(&subquery.inner)? {
            Value::Vector(table) => table,
            Value::Scalar(values) => Table::of_scalar(values),
            Value::Text(_) => Table::default(),
        };
        let mut series = Vec::with_capacity(table.rows.len());
        for row in table.rows {
            self.budget.charge(Use::samples(row.values.len()))?;
            self.budget.work(row.values.len())?;
            let values = inner.steps.times().zip(&row.values);
            let samples = values
                .filter(|(_, value)| is_present(**value))
                .map(|(at, value)| Sample { at, value: *value })
                .collect();
            series.push(RangeSeries {
                labels: row.labels,
                samples,
                drop_name: row.drop_name,
            });
        }
        Ok(Ranges::new(series, range, shifted, self.mode))
    }
}
