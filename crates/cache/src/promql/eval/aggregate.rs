//! Aggregations that make one series of each group.

use hashbrown::HashMap;

use super::{ABSENT, Evaluator, Row, Table, Value, call::at, is_present};
use crate::promql::{
    EvalError, Labels, Mode,
    ast::{Aggregate, AggregateOp, Expr, Grouping},
    functions::{
        quantile::quantile,
        sums::{Mean, Sum, Variance},
    },
    labels::METRIC_NAME,
    limits::Use,
    numbers::plain_float,
};

/// The groups of a table: the group of each row, and what names each group.
pub(super) struct Groups {
    pub(super) of_row: Vec<usize>,
    pub(super) labels: Vec<Labels>,
    drop_name: Vec<bool>,
}

impl Groups {
    fn new(table: &Table, grouping: &Grouping, mode: Mode) -> Self {
        let mut numbers: HashMap<Labels, usize> = HashMap::new();
        let mut groups = Self {
            of_row: Vec::new(),
            labels: Vec::new(),
            drop_name: Vec::new(),
        };
        for row in &table.rows {
            let labels = match grouping {
                Grouping::By(names) => row
                    .labels
                    .retain(|name| names.iter().any(|label| &**label == name)),
                Grouping::Without(names) => {
                    let kept = row.labels.retain(|name| {
                        name != METRIC_NAME && !names.iter().any(|label| &**label == name)
                    });
                    if mode == Mode::Modern {
                        kept.without_metadata()
                    } else {
                        kept
                    }
                }
            };
            let number = *numbers.entry(labels.clone()).or_insert(groups.labels.len());
            if number == groups.labels.len() {
                groups.labels.push(labels);
                groups.drop_name.push(false);
            }
            if let Some(drop_name) = groups.drop_name.get_mut(number) {
                *drop_name |= row.drop_name;
            }
            groups.of_row.push(number);
        }
        groups
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    fn row(&self, group: usize, values: Vec<f64>) -> Row {
        let labels = self.labels.get(group).cloned().unwrap_or_default();
        let drop_name = self.drop_name.get(group).copied().unwrap_or(false);
        Row {
            labels,
            values,
            drop_name,
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate) -> Result<Table, EvalError> {
        let param = match &aggregate.param {
            Some(param) => Some((param, self.eval(param)?)),
            None => None,
        };
        let table = self.vector(&aggregate.inner)?;
        let groups = Groups::new(&table, &aggregate.grouping, self.mode);
        match (aggregate.op, param) {
            (AggregateOp::CountValues, Some((_, Value::Text(label)))) => {
                self.count_values(&table, &groups, &label)
            }
            (AggregateOp::Quantile, Some((expr, Value::Scalar(wanted)))) => {
                self.quantiles(&table, &groups, &wanted, expr)
            }
            (op, Some((expr, Value::Scalar(param)))) => {
                self.ranked(op, table, &groups, &param, expr)
            }
            (AggregateOp::Avg, _) => self.fold(&table, &groups, Mean::add, |mean| mean.mean()),
            (AggregateOp::Count, _) => self.fold(&table, &groups, |n, _| *n += 1.0, |n: f64| n),
            (AggregateOp::Group, _) => self.fold(&table, &groups, |_, _| (), |(): ()| 1.0),
            (AggregateOp::Max, _) => self.extremes(&table, &groups, |a, b| a > b),
            (AggregateOp::Min, _) => self.extremes(&table, &groups, |a, b| a < b),
            (AggregateOp::Stddev, _) => self.fold(&table, &groups, Variance::add, |found| {
                found.variance().sqrt()
            }),
            (AggregateOp::Stdvar, _) => {
                self.fold(&table, &groups, Variance::add, Variance::variance)
            }
            _ => self.fold(&table, &groups, Sum::add, Sum::total),
        }
    }

    /// Runs all values of a group at a step through an accumulator.
    fn fold<A: Copy + Default>(
        &self,
        table: &Table,
        groups: &Groups,
        add: impl Fn(&mut A, f64),
        finish: impl Fn(A) -> f64,
    ) -> Result<Table, EvalError> {
        let cells = groups.len().saturating_mul(self.steps.count);
        let words = size_of::<Option<A>>().div_ceil(size_of::<f64>()) + 1;
        self.budget
            .charge(Use::values(groups.len(), cells.saturating_mul(words)))?;
        let mut accumulators: Vec<Option<A>> = vec![None; cells];
        for (row, group) in table.rows.iter().zip(&groups.of_row) {
            self.budget.work(row.values.len())?;
            let start = group * self.steps.count;
            let run = accumulators
                .get_mut(start..start + self.steps.count)
                .unwrap_or_default();
            for (accumulator, value) in run.iter_mut().zip(&row.values) {
                if is_present(*value) {
                    add(accumulator.get_or_insert_default(), *value);
                }
            }
        }
        let rows = accumulators
            .chunks(self.steps.count)
            .enumerate()
            .map(|(group, run)| {
                let values = run
                    .iter()
                    .map(|accumulator| accumulator.map_or(ABSENT, &finish));
                groups.row(group, values.collect())
            });
        Ok(Table {
            rows: rows.collect(),
        })
    }

    fn extremes(
        &self,
        table: &Table,
        groups: &Groups,
        beats: fn(f64, f64) -> bool,
    ) -> Result<Table, EvalError> {
        let keep = |best: &mut Option<f64>, value: f64| match best {
            Some(have) if !beats(value, *have) && !have.is_nan() => {}
            _ => *best = Some(value),
        };
        self.fold(table, groups, keep, |best| best.unwrap_or(f64::NAN))
    }

    fn quantiles(
        &self,
        table: &Table,
        groups: &Groups,
        wanted: &[f64],
        expr: &Expr,
    ) -> Result<Table, EvalError> {
        self.check_quantiles(wanted, expr);
        let members = members(groups);
        self.budget
            .charge(Use::values(groups.len(), groups.len() * self.steps.count))?;
        let mut rows = Vec::with_capacity(groups.len());
        let mut found = Vec::new();
        for (group, members) in members.iter().enumerate() {
            let mut values = Vec::with_capacity(self.steps.count);
            for step in 0..self.steps.count {
                self.budget.work(members.len())?;
                found.clear();
                let present = members
                    .iter()
                    .filter_map(|row| table.rows.get(*row)?.at(step));
                found.extend(present);
                values.push(match found.is_empty() {
                    true => ABSENT,
                    false => quantile(at(wanted, step), &mut found),
                });
            }
            rows.push(groups.row(group, values));
        }
        Ok(Table { rows })
    }

    /// How many series of a group have each value; the value becomes a label.
    fn count_values(
        &self,
        table: &Table,
        groups: &Groups,
        label: &str,
    ) -> Result<Table, EvalError> {
        if !self.is_label_name(label) {
            return Err(EvalError::execution(format!(
                "invalid label name {label:?}"
            )));
        }
        let mut places: HashMap<(usize, u64), usize> = HashMap::new();
        // The label may replace one of the grouping and so make groups the same.
        let mut by_labels: HashMap<Labels, usize> = HashMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for (row, group) in table.rows.iter().zip(&groups.of_row) {
            self.budget.work(row.values.len())?;
            for (step, value) in row
                .values
                .iter()
                .enumerate()
                .filter(|(_, v)| is_present(**v))
            {
                // All NaN are one value.
                let bits = if value.is_nan() {
                    f64::NAN.to_bits()
                } else {
                    value.to_bits()
                };
                let place = match places.get(&(*group, bits)) {
                    Some(place) => *place,
                    None => {
                        self.budget.charge(Use::values(1, self.steps.count))?;
                        let mut made = groups.row(*group, vec![ABSENT; self.steps.count]);
                        let mut labels = made.labels.edit();
                        labels.set(label, plain_float(*value));
                        made.labels = labels.build();
                        let place = *by_labels.entry(made.labels.clone()).or_insert(rows.len());
                        if place == rows.len() {
                            rows.push(made);
                        }
                        places.insert((*group, bits), place);
                        place
                    }
                };
                if let Some(count) = rows.get_mut(place).and_then(|row| row.values.get_mut(step)) {
                    *count = if is_present(*count) {
                        *count + 1.0
                    } else {
                        1.0
                    };
                }
            }
        }
        Ok(Table { rows })
    }
}

/// The rows of each group.
pub(super) fn members(groups: &Groups) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); groups.len()];
    for (row, group) in groups.of_row.iter().enumerate() {
        if let Some(members) = members.get_mut(*group) {
            members.push(row);
        }
    }
    members
}
