//! Classic histograms: quantiles and fractions from cumulative buckets.

use hashbrown::HashMap;

use super::{
    ABSENT, Evaluator, Row, Table,
    call::{argument, at},
};
use crate::promql::{
    EvalError, Labels, Mode,
    ast::{Call, Expr},
    functions::buckets::{Bucket, Repair, fraction, quantile},
    labels::{BUCKET, METRIC_NAME},
    limits::Use,
    numbers::go_float,
};

/// The series that are buckets of one histogram.
struct Histogram {
    labels: Labels,
    drop_name: bool,
    name: String,
    /// Bounds and the rows that hold their counts.
    buckets: Vec<(f64, usize)>,
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantile(&self, call: &Call) -> Result<Table, EvalError> {
        let wanted = self.scalar(argument(call, 0)?)?;
        let table = self.vector(argument(call, 1)?)?;
        self.quantiles_of(&table, &wanted, argument(call, 0)?, argument(call, 1)?)
    }

    /// Several quantiles at once, each with its value in a label.
    pub(super) fn histogram_quantiles(&self, call: &Call) -> Result<Table, EvalError> {
        let table = self.vector(argument(call, 0)?)?;
        let label = self.text(call, 1)?;
        if !self.is_label_name(&label) {
            return Err(EvalError::execution(format!(
                "invalid label name {label:?}"
            )));
        }
        let mut rows = Vec::new();
        for index in 2..call.args.len() {
            let expr = argument(call, index)?;
            let wanted = self.scalar(expr)?;
            let found = self.quantiles_of(&table, &wanted, expr, argument(call, 0)?)?;
            let mut distinct = wanted.clone();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup_by_key(|value| value.to_bits());
            for value in distinct {
                let is_wanted = |step| at(&wanted, step).to_bits() == value.to_bits();
                for row in &found.rows {
                    self.budget.charge(Use::values(1, self.steps.count))?;
                    self.budget.work(self.steps.count)?;
                    let mut row = row.clone();
                    row.map(|step, found| if is_wanted(step) { found } else { ABSENT });
                    let mut labels = row.labels.edit();
                    labels.set(label.clone(), with_fraction(value));
                    row.labels = labels.build();
                    rows.push(row);
                }
            }
        }
        Table { rows }.merged(self)
    }

    pub(super) fn histogram_fraction(&self, call: &Call) -> Result<Table, EvalError> {
        let lower = self.scalar(argument(call, 0)?)?;
        let upper = self.scalar(argument(call, 1)?)?;
        let expr = argument(call, 2)?;
        let table = self.vector(expr)?;
        self.of_histograms(&table, expr, |step, buckets| {
            (fraction(at(&lower, step), at(&upper, step), buckets), None)
        })
    }

    fn quantiles_of(
        &self,
        table: &Table,
        wanted: &[f64],
        wanted_expr: &Expr,
        expr: &Expr,
    ) -> Result<Table, EvalError> {
        if self.mode == Mode::Modern {
            self.check_quantiles(wanted, wanted_expr);
        }
        self.of_histograms(table, expr, |step, buckets| {
            quantile(at(wanted, step), buckets)
        })
    }

    /// Evaluates each histogram at each step.
    fn of_histograms(
        &self,
        table: &Table,
        expr: &Expr,
        evaluate: impl Fn(usize, &mut Vec<Bucket>) -> (f64, Option<Repair>),
    ) -> Result<Table, EvalError> {
        let histograms = self.histograms(table, expr);
        let mut rows = Vec::with_capacity(histograms.len());
        let mut buckets = Vec::new();
        for histogram in histograms {
            self.budget.charge(Use::values(1, self.steps.count))?;
            let mut values = Vec::with_capacity(self.steps.count);
            for step in 0..self.steps.count {
                self.budget.work(histogram.buckets.len())?;
                buckets.clear();
                buckets.extend(histogram.buckets.iter().filter_map(|(bound, row)| {
                    Some(Bucket {
                        bound: *bound,
                        count: table.rows.get(*row)?.at(step)?,
                    })
                }));
                if buckets.is_empty() {
                    values.push(ABSENT);
                    continue;
                }
                let (value, repair) = evaluate(step, &mut buckets);
                if let (Some(repair), Mode::Modern) = (repair, self.mode) {
                    self.tell_of(&repair, &histogram, expr);
                }
                values.push(value);
            }
            rows.push(Row {
                labels: histogram.labels,
                values,
                drop_name: histogram.drop_name,
            });
        }
        Table { rows }.merged(self)
    }

    fn tell_of(&self, repair: &Repair, histogram: &Histogram, expr: &Expr) {
        let (from, to) = (go_float(repair.lowest), go_float(repair.highest));
        let text = format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), from buckets {from} to {to}, with a max diff of {:.2} over {} groups for metric name {:?}",
            repair.largest, 1, histogram.name
        );
        self.annotations.borrow_mut().info(&text, expr.at);
    }

    /// Series by the histogram that they are buckets of. Those without a bound are none.
    fn histograms(&self, table: &Table, expr: &Expr) -> Vec<Histogram> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<Histogram> = Vec::new();
        for (index, row) in table.rows.iter().enumerate() {
            let Some(bound) = parse_bound(row.labels.get(BUCKET)) else {
                if self.mode == Mode::Modern {
                    self.tell_of_bound(row, expr);
                }
                continue;
            };
            let labels = row.labels.retain(|name| name != BUCKET);
            let labels = match self.mode {
                Mode::Modern => labels,
                Mode::LogCache => labels.retain(|name| name != METRIC_NAME),
            };
            let place = *places.entry(labels.clone()).or_insert(histograms.len());
            if place == histograms.len() {
                let drop_name = self.mode == Mode::Modern;
                let name = row.labels.metric_name().to_owned();
                histograms.push(Histogram {
                    labels,
                    drop_name,
                    name,
                    buckets: Vec::new(),
                });
            }
            if let Some(histogram) = histograms.get_mut(place) {
                histogram.buckets.push((bound, index));
            }
        }
        histograms
    }

    fn tell_of_bound(&self, row: &Row, expr: &Expr) {
        let (bound, name) = (row.labels.get(BUCKET), row.labels.metric_name());
        let text = format!(
            "bucket label \"le\" is missing or has a malformed value of {bound:?} for metric name {name:?}"
        );
        self.warn(&text, expr);
    }
}

/// A number as labels of histograms have it: `0.5`, `1.0`.
fn with_fraction(value: f64) -> String {
    match value.is_finite() && value.fract() == 0.0 {
        true => format!("{value:.1}"),
        false => go_float(value),
    }
}

/// A bound as Go reads it: `+Inf` and `Inf` too.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}
