//! Arithmetic and comparisons of two vectors, step by step.

use std::collections::{HashMap, HashSet};

use super::{
    ABSENT, Evaluator, Row, Table,
    arithmetic::{apply, holds},
    matching::{Groups, result_labels},
};
use crate::promql::{
    EvalError, Mode,
    ast::{Binary, Cardinality},
    labels::Labels,
    limits::Use,
};

const MANY_TO_ONE: &str =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
const NOT_UNIQUE: &str = "multiple matches for labels: grouping labels must ensure unique matches";

/// One side of the operator.
struct Side<'t> {
    table: &'t Table,
    /// The group of each row.
    groups: Vec<usize>,
    /// The value of a series that this side lacks.
    fill: Option<f64>,
}

impl Side<'_> {
    /// What this side has at a step, with the groups.
    fn at(&self, step: usize) -> impl Iterator<Item = (Operand, usize)> {
        let rows = self.table.rows.iter().zip(&self.groups).enumerate();
        rows.filter_map(move |(index, (row, group))| {
            Some((
                Operand {
                    row: Some(index),
                    value: row.at(step)?,
                },
                *group,
            ))
        })
    }

    fn row(&self, operand: Operand) -> Option<&Row> {
        operand.row.and_then(|row| self.table.rows.get(row))
    }
}

/// What stands on one side of a match: a row, or the value that fills in for one.
#[derive(Clone, Copy)]
struct Operand {
    row: Option<usize>,
    value: f64,
}

/// Two operands of the same group, that of the side with many first.
#[derive(Clone, Copy)]
struct Pair {
    many: Operand,
    one: Operand,
    group: usize,
}

/// The operation, its sides turned so that `one` has one series for each group.
struct Join<'t> {
    evaluator: &'t Evaluator<'t>,
    binary: &'t Binary,
    groups: Groups<'t>,
    many: Side<'t>,
    one: Side<'t>,
    /// The right side is the one with many.
    swapped: bool,
    rows: Vec<Row>,
    /// Rows of the result by the rows, or the group where one is filled, that they come from.
    by_rows: HashMap<(Option<usize>, Option<usize>, usize), usize>,
    by_labels: HashMap<(Labels, bool), usize>,
}

impl Evaluator<'_> {
    pub(super) fn join(
        &self,
        binary: &Binary,
        lhs: &Table,
        rhs: &Table,
    ) -> Result<Table, EvalError> {
        let matching = &binary.matching;
        let mut groups = Groups::new(matching);
        let swapped = matches!(matching.cardinality, Cardinality::OneToMany(_));
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        // The sides may be turned, the fills never are: so it is upstream.
        let many = Side {
            table: many,
            groups: groups.of(many),
            fill: matching.fill_left,
        };
        let one = Side {
            table: one,
            groups: groups.of(one),
            fill: matching.fill_right,
        };
        let mut join = Join {
            evaluator: self,
            binary,
            groups,
            many,
            one,
            swapped,
            rows: Vec::new(),
            by_rows: HashMap::new(),
            by_labels: HashMap::new(),
        };
        for step in 0..self.steps.count {
            self.budget.work(lhs.rows.len() + rhs.rows.len())?;
            let pairs = join.pairs(step)?;
            join.answer(step, pairs)?;
        }
        Ok(Table { rows: join.rows })
    }
}

impl Join<'_> {
    /// What matches at a step.
    fn pairs(&self, step: usize) -> Result<Vec<Pair>, EvalError> {
        let fills = self.many.fill.is_some() || self.one.fill.is_some();
        let both = || self.many.at(step).next().is_some() && self.one.at(step).next().is_some();
        if !(fills || both()) {
            return Ok(Vec::new());
        }
        let mut ones: Vec<Option<Operand>> = vec![None; self.groups.len()];
        for (one, group) in self.one.at(step) {
            let Some(place) = ones.get_mut(group) else {
                continue;
            };
            if let Some(other) = place.replace(one) {
                return Err(self.ambiguous(group, other, one));
            }
        }
        let mut pairs = Vec::new();
        let mut met = vec![false; self.groups.len()];
        let fill = self.one.fill.map(|value| Operand { row: None, value });
        for (many, group) in self.many.at(step) {
            if let Some(met) = met.get_mut(group) {
                *met = true;
            }
            if let Some(one) = ones.get(group).copied().flatten().or(fill) {
                pairs.push(Pair { many, one, group });
            }
        }
        if let Some(value) = self.many.fill {
            let alone = ones
                .iter()
                .zip(met)
                .enumerate()
                .filter(|(_, (_, met))| !met);
            let many = Operand { row: None, value };
            pairs.extend(alone.filter_map(|(group, (one, _))| {
                Some(Pair {
                    many,
                    one: (*one)?,
                    group,
                })
            }));
        }
        Ok(pairs)
    }

    /// Writes what comes of the pairs of a step.
    fn answer(&mut self, step: usize, pairs: Vec<Pair>) -> Result<(), EvalError> {
        let one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
        let mode = self.evaluator.mode;
        let mut answered: HashSet<usize> = HashSet::new();
        let mut written: HashSet<usize> = HashSet::new();
        for pair in pairs {
            // 2.13 counts the matches that a comparison lets through, Prometheus 3 all.
            if one_to_one && mode == Mode::Modern && !answered.insert(pair.group) {
                return Err(EvalError::execution(MANY_TO_ONE));
            }
            let Some(value) = self.value(pair) else {
                continue;
            };
            if one_to_one && mode == Mode::LogCache && !answered.insert(pair.group) {
                return Err(EvalError::execution(MANY_TO_ONE));
            }
            let place = self.place(pair)?;
            if !written.insert(place) {
                return Err(match one_to_one {
                    true => EvalError::same_labelset(),
                    false => EvalError::execution(NOT_UNIQUE),
                });
            }
            let row = self.rows.get_mut(place);
            if let Some(cell) = row.and_then(|row| row.values.get_mut(step)) {
                *cell = value;
            }
        }
        Ok(())
    }

    /// The value of a pair; none where a comparison does not hold.
    fn value(&self, Pair { many, one, .. }: Pair) -> Option<f64> {
        let (a, b) = match self.swapped {
            true => (one.value, many.value),
            false => (many.value, one.value),
        };
        let op = self.binary.op;
        match op.is_comparison() && !self.binary.returns_bool {
            true => holds(op, a, b).then_some(a),
            false => Some(apply(op, a, b)),
        }
    }

    /// The row of the result for a pair; made when it is first needed.
    fn place(&mut self, Pair { many, one, group }: Pair) -> Result<usize, EvalError> {
        let is_filled = many.row.is_none() || one.row.is_none();
        let key = (many.row, one.row, if is_filled { group } else { 0 });
        if let Some(place) = self.by_rows.get(&key) {
            return Ok(*place);
        }
        let budget = self.evaluator.budget;
        budget.charge(Use::values(1, self.evaluator.steps.count))?;
        let common = self.groups.labels(group);
        let (many, one) = (self.many.row(many), self.one.row(one));
        let labels_of =
            |row: Option<&Row>| row.map_or_else(|| common.clone(), |row| row.labels.clone());
        let mode = self.evaluator.mode;
        let labels = result_labels(self.binary, &labels_of(many), &labels_of(one), mode);
        // The mark of the other side concerns a name that is gone.
        let drop_name = mode == Mode::Modern
            && (self.binary.returns_bool || many.is_some_and(|row| row.drop_name));
        let next = self.rows.len();
        let place = *self
            .by_labels
            .entry((labels.clone(), drop_name))
            .or_insert(next);
        if place == next {
            let values = vec![ABSENT; self.evaluator.steps.count];
            self.rows.push(Row {
                labels,
                values,
                drop_name,
            });
        }
        self.by_rows.insert(key, place);
        Ok(place)
    }

    /// Two series where there may be one.
    fn ambiguous(&self, group: usize, first: Operand, second: Operand) -> EvalError {
        let labels = |operand| self.one.row(operand).map(|row| row.labels.to_string());
        let mut pair = [labels(second), labels(first)].map(Option::unwrap_or_default);
        if self.evaluator.mode == Mode::Modern {
            pair.sort();
        }
        let [a, b] = pair;
        let group = self.groups.labels(group);
        let side = if self.swapped { "left" } else { "right" };
        EvalError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{a}, {b}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}
