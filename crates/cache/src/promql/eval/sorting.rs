//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.

use std::cmp::Ordering;

use super::{Evaluator, Row, Table, call::argument};
use crate::promql::{
    EvalError, Mode,
    ast::{Call, Position},
    functions::Own,
};

impl Evaluator<'_> {
    /// Orders the series of an instant query. A range query's are ordered by labels anyway.
    pub(super) fn sort(&self, own: Own, call: &Call, at: Position) -> Result<Table, EvalError> {
        let mut table = self.vector(argument(call, 0)?)?;
        let mut names = Vec::new();
        for index in 1..call.args.len() {
            let name = self.text(call, index)?;
            if !self.is_label_name(&name) {
                return Err(EvalError::execution(format!("invalid label name {name:?}")));
            }
            names.push(name);
        }
        if self.range_query {
            if self.mode == Mode::Modern {
                let text = "sort is ineffective for range queries since results are always ordered by labels";
                self.annotations.borrow_mut().warning(text, at);
            }
            return Ok(table);
        }
        let by_labels = |a: &Row, b: &Row| {
            let differing = names
                .iter()
                .map(|name| natural(a.labels.get(name), b.labels.get(name)));
            differing
                .fold(Ordering::Equal, Ordering::then)
                .then_with(|| a.labels.cmp(&b.labels))
        };
        match own {
            Own::SortDesc => table
                .rows
                .sort_by(|a, b| by_value(first(a), first(b), true)),
            Own::SortByLabel => table.rows.sort_by(by_labels),
            Own::SortByLabelDesc => table.rows.sort_by(|a, b| by_labels(b, a)),
            _ => table
                .rows
                .sort_by(|a, b| by_value(first(a), first(b), false)),
        }
        Ok(table)
    }
}

fn first(row: &Row) -> f64 {
    row.values.first().copied().unwrap_or(f64::NAN)
}

/// By value, NaN at the end in either direction.
pub(super) fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

/// As people order names: runs of digits by their number.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (chunks(a), chunks(b));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if is_number(a) && is_number(b) => {
                let (x, y) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                x.len()
                    .cmp(&y.len())
                    .then_with(|| x.cmp(y))
                    .then_with(|| a.len().cmp(&b.len()))
            }
            (Some(a), Some(b)) => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn is_number(chunk: &str) -> bool {
    chunk.starts_with(|ch: char| ch.is_ascii_digit())
}

/// Runs of digits and runs of all else.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = is_number(rest);
        let end = rest
            .find(|ch: char| ch.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (chunk, tail) = rest.split_at(end);
        rest = tail;
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        assert_eq!(natural("cpu2", "cpu10"), Ordering::Less);
        assert_eq!(natural("4m1000", "4m600"), Ordering::Greater);
        assert_eq!(natural("", "a"), Ordering::Less);
        assert_eq!(natural("a01", "a1"), Ordering::Greater);
    }
}
