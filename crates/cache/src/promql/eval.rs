//! The evaluator. An expression is evaluated at all steps at once: what an operator takes
//! and gives is a table with a row for each series and a column for each step.

mod absent;
mod aggregate;
mod arithmetic;
mod binary;
mod call;
mod histogram;
mod info;
mod join;
mod labels;
mod matching;
mod ranges;
mod ranking;
mod select;
mod sets;
mod sorting;
mod subquery;
mod table;

use std::{cell::RefCell, sync::Arc};

use super::{
    Annotations, EvalError, Mode, SeriesReader,
    ast::{At, DurationExpr, Expr, ExprKind, Shift},
    limits::{Budget, Use},
    syntax::milliseconds,
};
pub(crate) use table::{ABSENT, Row, Table, is_present};

/// How long a series without new samples is still seen.
const LOOKBACK_MS: i64 = 300_000;
/// The distance of a subquery's instants where it names none. 2.13's log cache had none and
/// failed (log-cache specification, 4.2).
const SUBQUERY_STEP_MS: i64 = 60_000;
/// Durations are kept so small that a few of them cannot overflow a time.
const LONGEST_MS: i64 = 1 << 56;

/// The first and last instant of a query and the distance between, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) interval: i64,
}

/// The instants of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) start: i64,
    pub(crate) interval: i64,
    pub(crate) count: usize,
}

impl Steps {
    pub(crate) fn at(&self, step: usize) -> i64 {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.start
            .saturating_add(self.interval.saturating_mul(step))
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |step| self.at(step))
    }
}

/// What an expression evaluates to: for a scalar one value for each step.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Vector(Table),
    Text(Arc<str>),
}

/// Evaluates expressions at some instants.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    pub(crate) mode: Mode,
    pub(crate) reader: &'a dyn SeriesReader,
    pub(crate) steps: Steps,
    /// Those of the query, also inside of a subquery.
    pub(crate) times: Times,
    pub(crate) budget: &'a Budget<'a>,
    pub(crate) annotations: &'a RefCell<Annotations>,
    pub(crate) range_query: bool,
}

/// Where a shifted expression looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shifted {
    at: Option<i64>,
    offset: i64,
}

impl Shifted {
    /// The instant that is looked at when `step` is evaluated.
    pub(crate) fn time(&self, step: i64) -> i64 {
        self.at.unwrap_or(step).saturating_sub(self.offset)
    }
}

impl Evaluator<'_> {
    /// Evaluates an expression that is no range vector.
    pub(crate) fn eval(&self, expr: &Expr) -> Result<Value, EvalError> {
        self.budget.work(self.steps.count)?;
        let before = self.budget.live();
        let value = self.eval_kind(expr)?;
        let result = match &value {
            Value::Scalar(values) => Use::values(1, values.len()),
            Value::Vector(table) => Use::values(
                table.rows.len(),
                table.rows.len().saturating_mul(self.steps.count),
            ),
            Value::Text(_) => Use::default(),
        };
        self.budget.settle(before, result);
        Ok(value)
    }

    fn eval_kind(&self, expr: &Expr) -> Result<Value, EvalError> {
        Ok(match &expr.kind {
            ExprKind::Number(value) => Value::Scalar(self.constant(*value)?),
            ExprKind::Text(text) => Value::Text(text.clone()),
            ExprKind::Selector(selector) => Value::Vector(self.selector(selector)?),
            ExprKind::Call(call) => self.call(call, expr.at)?,
            ExprKind::Aggregate(aggregate) => Value::Vector(self.aggregate(aggregate)?),
            ExprKind::Binary(binary) => self.binary(binary)?,
            ExprKind::Negate(inner) => self.negate(inner)?,
            ExprKind::Plus(inner) | ExprKind::Paren(inner) => self.eval(inner)?,
            ExprKind::Range(_) | ExprKind::Subquery(_) => {
                return Err(EvalError::execution(
                    "a range vector cannot be evaluated by itself",
                ));
            }
        })
    }

    /// A vector; scalars have become vectors without labels where one is asked for.
    pub(crate) fn vector(&self, expr: &Expr) -> Result<Table, EvalError> {
        Ok(match self.eval(expr)? {
            Value::Vector(table) => table,
            Value::Scalar(values) => Table::of_scalar(values),
            Value::Text(_) => Table::default(),
        })
    }

    /// A scalar at each step.
    pub(crate) fn scalar(&self, expr: &Expr) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr)? {
            Value::Scalar(values) => Ok(values),
            Value::Vector(_) | Value::Text(_) => self.constant(f64::NAN),
        }
    }

    /// The same value at each step.
    pub(crate) fn constant(&self, value: f64) -> Result<Vec<f64>, EvalError> {
        self.budget.charge(Use::values(1, self.steps.count))?;
        Ok(vec![value; self.steps.count])
    }

    /// A duration in milliseconds.
    pub(crate) fn duration(&self, duration: &DurationExpr) -> Result<i64, EvalError> {
        let Times {
            start,
            end,
            interval,
        } = self.times;
        let seconds = duration.seconds(interval as f64 / 1000.0, (end - start) as f64 / 1000.0);
        milliseconds(seconds)
            .filter(|milliseconds| (-LONGEST_MS..=LONGEST_MS).contains(milliseconds))
            .ok_or_else(|| EvalError::execution("duration out of range"))
    }

    /// A duration that a range or a step can have.
    pub(crate) fn positive_duration(&self, duration: &DurationExpr) -> Result<i64, EvalError> {
        match self.duration(duration)? {
            found if found > 0 => Ok(found),
            _ => Err(EvalError::execution("duration must be greater than 0")),
        }
    }

    pub(crate) fn shifted(&self, shift: &Shift) -> Result<Shifted, EvalError> {
        let offset = shift
            .offset
            .as_ref()
            .map_or(Ok(0), |offset| self.duration(offset))?;
        let at = shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.times.start,
            At::End => self.times.end,
        });
        Ok(Shifted { at, offset })
    }

    pub(crate) fn warn(&self, text: &str, expr: &Expr) {
        self.annotations.borrow_mut().warning(text, expr.at);
    }
}
