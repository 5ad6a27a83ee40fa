//! Calls of functions.

use super::{Evaluator, Row, Table, Value, is_present, ranges::Ranges};
use crate::promql::{
    EvalError, Labels, Mode,
    ast::{Call, Expr, ExprKind, Position, ValueType},
    functions::{Body, Calendar, Own, Window, quantile::quantile},
    limits::Use,
    numbers::go_float,
};

/// Milliseconds as seconds.
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &Call, at: Position) -> Result<Value, EvalError> {
        match call.function.body {
            Body::Math(function) => self.each(call, |_, value| function(value)),
            Body::Calendar(part) => {
                let date = |value: f64| match value.is_nan() {
                    true => f64::NAN,
                    false => part(Calendar::new(value)) as f64,
                };
                match call.args.is_empty() {
                    true => {
                        let values = self.steps.times().map(|step| date(seconds(step)));
                        Ok(Value::Vector(Table::of_scalar(values.collect())))
                    }
                    false => self.each(call, |_, value| date(value)),
                }
            }
            Body::Range(function) => {
                let table = self.range_function(call, function)?;
                self.named_away(table).map(Value::Vector)
            }
            Body::RangeKeepingName(function) => {
                self.range_function(call, function).map(Value::Vector)
            }
            Body::Own(own) => self.own(own, call, at),
        }
    }

    /// Drops the names of what a function over ranges gave.
    fn named_away(&self, table: Table) -> Result<Table, EvalError> {
        match self.mode {
            Mode::Modern => table.drop_names(self),
            Mode::LogCache => {
                let rows = table.rows.into_iter().map(|row| Row {
                    labels: row.labels.without_name(),
                    ..row
                });
                Table {
                    rows: rows.collect(),
                }
                .distinct(self)
            }
        }
    }

    /// Maps each value of the first argument, a vector; names go.
    fn each(&self, call: &Call, map: impl Fn(usize, f64) -> f64) -> Result<Value, EvalError> {
        let mut table = self.vector(argument(call, 0)?)?;
        for row in &mut table.rows {
            self.budget.work(row.values.len())?;
            row.map(&map);
        }
        table.drop_names(self).map(Value::Vector)
    }

    fn range_function(
        &self,
        call: &Call,
        function: fn(&Window<'_>, &[f64]) -> Option<f64>,
    ) -> Result<Table, EvalError> {
        let mut numbers = Vec::new();
        let mut ranges = None;
        for arg in &call.args {
            match arg.value_type() {
                ValueType::Matrix => ranges = Some(self.ranges(arg)?),
                _ => numbers.push(self.scalar(arg)?),
            }
        }
        let ranges = ranges.ok_or_else(|| missing(call))?;
        match call.function.name {
            "holt_winters" | "double_exponential_smoothing" => check_smoothing(&numbers)?,
            "rate" | "increase" if self.mode == Mode::Modern => {
                self.check_counters(&ranges, argument(call, 0)?);
            }
            _ => {}
        }
        let mut given = Vec::with_capacity(numbers.len());
        self.over_ranges(&ranges, |step, window| {
            given.clear();
            given.extend(numbers.iter().map(|values| at(values, step)));
            function(window, &given)
        })
    }

    /// Tells of series that, by their names, are no counters.
    fn check_counters(&self, ranges: &Ranges, arg: &Expr) {
        let is_counter = |name: &str| {
            let endings = ["_total", "_sum", "_count", "_bucket"];
            name.is_empty() || endings.iter().any(|ending| name.ends_with(ending))
        };
        let mut series = ranges
            .series
            .iter()
            .filter(|series| !series.samples.is_empty());
        if let Some(gauge) = series.find(|series| !is_counter(series.labels.metric_name())) {
            let name = gauge.labels.metric_name();
            let text = format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            );
            self.annotations.borrow_mut().info(&text, arg.at);
        }
    }

    fn own(&self, own: Own, call: &Call, position: Position) -> Result<Value, EvalError> {
        let scalar = |value| self.constant(value).map(Value::Scalar);
        let vector = Value::Vector;
        match own {
            Own::Absent => self.absent(argument(call, 0)?).map(vector),
            Own::AbsentOverTime => self.absent_over_time(argument(call, 0)?).map(vector),
            Own::Clamp => self.clamp(call, Some(1), Some(2)),
            Own::ClampMin => self.clamp(call, Some(1), None),
            Own::ClampMax => self.clamp(call, None, Some(1)),
            Own::End => scalar(seconds(self.times.end)),
            Own::HistogramFraction => self.histogram_fraction(call).map(vector),
            Own::HistogramQuantile => self.histogram_quantile(call).map(vector),
            Own::HistogramQuantiles => self.histogram_quantiles(call).map(vector),
            Own::Info => self.info(call).map(vector),
            Own::LabelJoin => self.label_join(call).map(vector),
            Own::LabelReplace => self.label_replace(call).map(vector),
            Own::MaxOf => self.of_two(call, |a, b| match a.is_nan() || b.is_nan() {
                true if a == f64::INFINITY || b == f64::INFINITY => f64::INFINITY,
                true => f64::NAN,
                false => a.max(b),
            }),
            Own::MinOf => self.of_two(call, |a, b| match a.is_nan() || b.is_nan() {
                true if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY => f64::NEG_INFINITY,
                true => f64::NAN,
                false => a.min(b),
            }),
            // Native histograms alone have a sum or a count; floats are passed over.
            Own::NativeOnly => self
                .vector(argument(call, 0)?)
                .map(|_| vector(Table::default())),
            Own::Pi => scalar(std::f64::consts::PI),
            Own::QuantileOverTime => self.quantile_over_time(call).map(vector),
            Own::QueryRange => scalar(seconds(self.times.end - self.times.start)),
            Own::Round => self.round(call),
            Own::Scalar => self.only_value(argument(call, 0)?).map(Value::Scalar),
            Own::Sort | Own::SortDesc | Own::SortByLabel | Own::SortByLabelDesc => {
                self.sort(own, call, position).map(vector)
            }
            Own::Start => scalar(seconds(self.times.start)),
            Own::Step => scalar(seconds(self.times.interval)),
            Own::Time => {
                self.budget.charge(Use::values(1, self.steps.count))?;
                Ok(Value::Scalar(self.steps.times().map(seconds).collect()))
            }
            Own::Timestamp => self.timestamp(argument(call, 0)?).map(vector),
            Own::Vector => self
                .scalar(argument(call, 0)?)
                .map(|v| vector(Table::of_scalar(v))),
        }
    }

    fn of_two(&self, call: &Call, pick: fn(f64, f64) -> f64) -> Result<Value, EvalError> {
        let (a, b) = (
            self.scalar(argument(call, 0)?)?,
            self.scalar(argument(call, 1)?)?,
        );
        Ok(Value::Scalar(
            a.into_iter().zip(b).map(|(a, b)| pick(a, b)).collect(),
        ))
    }

    fn clamp(
        &self,
        call: &Call,
        least: Option<usize>,
        most: Option<usize>,
    ) -> Result<Value, EvalError> {
        let bound = |index: Option<usize>, open: f64| match index {
            Some(index) => self.scalar(argument(call, index)?),
            None => self.constant(open),
        };
        let (least, most) = (
            bound(least, f64::NEG_INFINITY)?,
            bound(most, f64::INFINITY)?,
        );
        let mut table = self.vector(argument(call, 0)?)?;
        for row in &mut table.rows {
            for (step, value) in row.values.iter_mut().enumerate() {
                let (least, most) = (at(&least, step), at(&most, step));
                if !is_present(*value) {
                    continue;
                }
                if most < least {
                    *value = super::ABSENT;
                } else if least.is_nan() || most.is_nan() {
                    *value = f64::NAN;
                } else if !value.is_nan() {
                    *value = value.max(least).min(most);
                }
            }
        }
        table.drop_names(self).map(Value::Vector)
    }

    fn round(&self, call: &Call) -> Result<Value, EvalError> {
        let nearest = match call.args.get(1) {
            Some(nearest) => self.scalar(nearest)?,
            None => self.constant(1.0)?,
        };
        // By the inverse, which keeps decimal fractions exact more often than a division.
        self.each(call, |step, value| {
            let inverse = 1.0 / at(&nearest, step);
            (value * inverse + 0.5).floor() / inverse
        })
    }

    fn only_value(&self, arg: &Expr) -> Result<Vec<f64>, EvalError> {
        let table = self.vector(arg)?;
        let mut values = self.constant(f64::NAN)?;
        for (step, value) in values.iter_mut().enumerate() {
            self.budget.work(table.rows.len())?;
            let mut found = table.rows.iter().filter_map(|row| row.at(step));
            if let (Some(only), None) = (found.next(), found.next()) {
                *value = only;
            }
        }
        Ok(values)
    }

    /// The times of samples for a selector, the evaluated instants for all else.
    fn timestamp(&self, arg: &Expr) -> Result<Table, EvalError> {
        if let ExprKind::Selector(selector) = &arg.unparen().kind {
            let shifted = self.shifted(&selector.shift)?;
            let time = |step| shifted.time(step);
            let table = self.select(&selector.matchers, time, |sample| seconds(sample.at))?;
            return table.drop_names(self);
        }
        let mut table = self.vector(arg)?;
        for row in &mut table.rows {
            row.map(|step, _| seconds(self.steps.at(step)));
        }
        table.drop_names(self)
    }

    fn quantile_over_time(&self, call: &Call) -> Result<Table, EvalError> {
        let wanted = self.scalar(argument(call, 0)?)?;
        let ranges = self.ranges(argument(call, 1)?)?;
        let mut values = Vec::new();
        let table = self.over_ranges(&ranges, |step, window| {
            values.clear();
            values.extend(window.values());
            Some(quantile(at(&wanted, step), &mut values))
        })?;
        self.check_quantiles(&wanted, argument(call, 0)?);
        self.named_away(table)
    }

    /// Warns of what is no quantile.
    pub(super) fn check_quantiles(&self, wanted: &[f64], arg: &Expr) {
        if let Some(wrong) = wanted.iter().find(|wanted| !(0.0..=1.0).contains(*wanted)) {
            let shown = go_float(*wrong);
            self.warn(
                &format!("quantile value should be between 0 and 1, got {shown}"),
                arg,
            );
        }
    }
}

/// An argument; the types of a call were checked when it was parsed.
pub(super) fn argument(call: &Call, index: usize) -> Result<&Expr, EvalError> {
    call.args.get(index).ok_or_else(|| missing(call))
}

fn missing(call: &Call) -> EvalError {
    EvalError::execution(format!(
        "argument missing in call to {:?}",
        call.function.name
    ))
}

/// The value of a scalar at a step.
pub(super) fn at(values: &[f64], step: usize) -> f64 {
    values.get(step).copied().unwrap_or(f64::NAN)
}

fn check_smoothing(numbers: &[Vec<f64>]) -> Result<(), EvalError> {
    for (values, name) in numbers.iter().zip(["smoothing", "trend"]) {
        if let Some(wrong) = values
            .iter()
            .find(|value| !(**value > 0.0 && **value < 1.0))
        {
            let wrong = go_float(*wrong);
            return Err(EvalError::execution(format!(
                "invalid {name} factor. Expected: 0 < {} < 1, got: {wrong}",
                if name == "smoothing" { "sf" } else { "tf" }
            )));
        }
    }
    Ok(())
}

/// A row without labels.
pub(super) fn nameless(labels: Labels, values: Vec<f64>) -> Row {
    Row {
        labels,
        values,
        drop_name: false,
    }
}
