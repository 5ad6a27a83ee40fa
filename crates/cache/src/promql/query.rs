//! A parsed query, when it is evaluated, and what comes of it.

use std::cell::RefCell;

use super::{
    Annotations, EvalError, Labels, Limits, Mode, ParseError, Sample, Series, SeriesReader,
    ast::{Expr, ExprKind, Selector, ValueType},
    eval::{Evaluator, Row, Steps, Table, Times, Value, is_present},
    limits::{Budget, Interrupt},
    syntax,
};

/// Times are kept so far from the ends of `i64` that offsets cannot overflow them.
const FURTHEST_MS: i64 = 1 << 56;

/// A query that was read and checked.
#[derive(Debug, Clone)]
pub struct Query {
    expr: Expr,
    mode: Mode,
}

/// When a query is evaluated. Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// At one instant.
    Instant(i64),
    /// At `start`, and every `step` milliseconds behind it up to `end`.
    Range {
        /// The first step.
        start: i64,
        /// The end, which is a step only if it falls on one.
        end: i64,
        /// The distance of steps, above 0.
        step: i64,
    },
}

/// One series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// Its value at the evaluated instant.
    pub value: f64,
}

/// What a query evaluates to.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A number, at the evaluated instant.
    Scalar(f64),
    /// A text.
    Text(String),
    /// Of an instant query; in the order that `sort` or `topk` gave.
    Vector(Vec<VectorSample>),
    /// Of a range query, sorted by labels, or of an instant query for ranges.
    Matrix(Vec<Series>),
}

/// An answer with what the user should know about it.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The answer.
    pub answer: Answer,
    /// Warnings and informations.
    pub annotations: Annotations,
}

impl Query {
    /// Reads a query. The error's text is that of the mode's Prometheus.
    pub fn parse(text: &str, mode: Mode) -> Result<Self, ParseError> {
        Ok(Self {
            expr: syntax::parse(text, mode)?,
            mode,
        })
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The text of the query as Prometheus would format it, long ones on several lines.
    pub fn pretty(&self) -> String {
        self.expr.pretty(0)
    }

    /// All selectors of the query, in the order of the text: what it may read, for those who
    /// decide whether its caller may. The second argument of `info` is among them.
    pub fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        collect_selectors(&self.expr, &mut found);
        found
    }

    /// Evaluates the query. `interrupt` is asked now and then whether to go on: a deadline,
    /// or whether somebody still waits. Memory, samples and steps are bounded by `limits`.
    pub fn evaluate(
        &self,
        reader: &dyn SeriesReader,
        span: Span,
        limits: Limits,
        interrupt: &dyn Fn() -> Option<Interrupt>,
    ) -> Result<Evaluation, EvalError> {
        let annotations = RefCell::new(Annotations::default());
        let budget = Budget::new(limits, interrupt);
        let times = times(span)?;
        let steps = steps(times, limits)?;
        let evaluator = Evaluator {
            mode: self.mode,
            reader,
            steps,
            times,
            budget: &budget,
            annotations: &annotations,
            range_query: matches!(span, Span::Range { .. }),
        };
        let answer = match span {
            Span::Instant(_) => self.instant(&evaluator)?,
            Span::Range { .. } => self.range(&evaluator)?,
        };
        Ok(Evaluation {
            answer,
            annotations: annotations.into_inner(),
        })
    }

    fn instant(&self, evaluator: &Evaluator<'_>) -> Result<Answer, EvalError> {
        if self.expr.value_type() == ValueType::Matrix {
            return evaluator.raw_ranges(&self.expr).map(Answer::Matrix);
        }
        if let (ExprKind::Text(_), Mode::LogCache) = (&self.expr.kind, self.mode) {
            return Err(EvalError::execution(
                "unhandled expression of type: *promql.StringLiteral",
            ));
        }
        Ok(match evaluator.eval(&self.expr)? {
            Value::Scalar(values) => Answer::Scalar(values.first().copied().unwrap_or(f64::NAN)),
            Value::Text(text) => Answer::Text(text.to_string()),
            Value::Vector(table) => {
                let samples = finish(evaluator, table)?
                    .rows
                    .into_iter()
                    .filter_map(|row| {
                        let value = row
                            .values
                            .first()
                            .copied()
                            .filter(|value| is_present(*value))?;
                        Some(VectorSample {
                            labels: row.labels,
                            value,
                        })
                    });
                Answer::Vector(samples.collect())
            }
        })
    }

    fn range(&self, evaluator: &Evaluator<'_>) -> Result<Answer, EvalError> {
        let kind = self.expr.value_type();
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            let kind = kind.name();
            return Err(EvalError::execution(format!(
                "invalid expression type {kind:?} for range query, must be Scalar or instant Vector"
            )));
        }
        let table = match evaluator.eval(&self.expr)? {
            Value::Scalar(values) => Table {
                rows: vec![Row {
                    labels: Labels::default(),
                    values,
                    drop_name: false,
                }],
            },
            Value::Vector(table) => finish(evaluator, table)?,
            Value::Text(_) => Table::default(),
        };
        let mut series: Vec<Series> = table
            .rows
            .into_iter()
            .map(|row| Series {
                labels: row.labels,
                samples: evaluator
                    .steps
                    .times()
                    .zip(row.values)
                    .filter(|(_, v)| is_present(*v))
                    .map(|(at, value)| Sample { at, value })
                    .collect(),
            })
            .filter(|series| !series.samples.is_empty())
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Answer::Matrix(series))
    }
}

fn collect_selectors<'e>(expr: &'e Expr, found: &mut Vec<&'e Selector>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => {}
        ExprKind::Selector(selector) => found.push(selector),
        ExprKind::Range(range) => found.push(&range.selector),
        ExprKind::Subquery(subquery) => collect_selectors(&subquery.inner, found),
        ExprKind::Call(call) => call
            .args
            .iter()
            .for_each(|arg| collect_selectors(arg, found)),
        ExprKind::Aggregate(aggregate) => {
            let parts = aggregate.param.iter().chain([&aggregate.inner]);
            parts.for_each(|part| collect_selectors(part, found));
        }
        ExprKind::Binary(binary) => {
            collect_selectors(&binary.lhs, found);
            collect_selectors(&binary.rhs, found);
        }
        ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => {
            collect_selectors(inner, found);
        }
    }
}

/// Drops the names that were to be dropped, and looks for series that are now the same.
fn finish(evaluator: &Evaluator<'_>, table: Table) -> Result<Table, EvalError> {
    table.without_dropped_names().merged(evaluator)
}

fn times(span: Span) -> Result<Times, EvalError> {
    let (start, end, interval) = match span {
        Span::Instant(at) => (at, at, 0),
        Span::Range { start, end, step } => (start, end, step),
    };
    if matches!(span, Span::Range { .. }) && interval <= 0 {
        return Err(EvalError::Range(
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if end < start {
        return Err(EvalError::Range(
            "end timestamp must not be before start time",
        ));
    }
    if start < -FURTHEST_MS || end > FURTHEST_MS || interval > FURTHEST_MS {
        return Err(EvalError::Range("time is out of range"));
    }
    Ok(Times {
        start,
        end,
        interval,
    })
}

fn steps(times: Times, limits: Limits) -> Result<Steps, EvalError> {
    let Times {
        start,
        end,
        interval,
    } = times;
    let behind_first = if interval == 0 {
        0
    } else {
        (end - start) / interval
    };
    match usize::try_from(behind_first) {
        Ok(behind) if behind < limits.steps => Ok(Steps {
            start,
            interval,
            count: behind + 1,
        }),
        _ => Err(EvalError::TooManySteps {
            limit: limits.steps,
        }),
    }
}

#[cfg(test)]
mod tests;
