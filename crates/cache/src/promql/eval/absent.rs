//! `absent` and `absent_over_time`: 1 where nothing is.

use super::{ABSENT, Evaluator, Table, call::nameless, is_present};
use crate::promql::{
    EvalError, Labels,
    ast::{Expr, ExprKind, Selector},
    labels::{LabelsBuilder, METRIC_NAME},
    matcher::MatchOp,
};

impl Evaluator<'_> {
    pub(super) fn absent(&self, arg: &Expr) -> Result<Table, EvalError> {
        let table = self.vector(arg)?;
        self.where_nothing_is(&table, arg)
    }

    pub(super) fn absent_over_time(&self, arg: &Expr) -> Result<Table, EvalError> {
        let ranges = self.ranges(arg)?;
        let table = self.over_ranges(&ranges, |_, _| Some(1.0))?;
        self.where_nothing_is(&table, arg)
    }

    fn where_nothing_is(&self, table: &Table, arg: &Expr) -> Result<Table, EvalError> {
        let mut values = self.constant(1.0)?;
        for row in &table.rows {
            self.budget.work(values.len())?;
            for (absent, value) in values.iter_mut().zip(&row.values) {
                if is_present(*value) {
                    *absent = ABSENT;
                }
            }
        }
        Ok(match values.iter().any(|value| is_present(*value)) {
            true => Table {
                rows: vec![nameless(expected_labels(arg), values)],
            },
            false => Table::default(),
        })
    }
}

/// The labels that what is absent would have, as far as its selector names them exactly.
fn expected_labels(arg: &Expr) -> Labels {
    let selector: &Selector = match &arg.kind {
        ExprKind::Selector(selector) => selector,
        ExprKind::Range(range) => &range.selector,
        _ => return Labels::default(),
    };
    let mut labels = LabelsBuilder::default();
    for matcher in &selector.matchers {
        let named = selector
            .matchers
            .iter()
            .filter(|other| other.name == matcher.name)
            .count();
        if matcher.op == MatchOp::Equal && named == 1 && &*matcher.name != METRIC_NAME {
            labels.set(matcher.name.clone(), matcher.value.clone());
        }
    }
    labels.build()
}
