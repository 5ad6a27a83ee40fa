//! `and`, `or`, `unless`.

use super::{ABSENT, Evaluator, Table, is_present, matching::Groups};
use crate::promql::{
    EvalError,
    ast::{Binary, BinaryOp},
    limits::Use,
};

impl Evaluator<'_> {
    pub(super) fn set_operation(
        &self,
        binary: &Binary,
        mut lhs: Table,
        mut rhs: Table,
    ) -> Result<Table, EvalError> {
        let mut groups = Groups::new(&binary.matching);
        let left = groups.of(&lhs);
        let right = groups.of(&rhs);
        let cells = groups.len().saturating_mul(self.steps.count);
        self.budget.charge(Use::values(1, cells / 8))?;
        // Whether a group has a series at a step: on the left for `or`, else on the right.
        let (marking, marks) = match binary.op {
            BinaryOp::Or => (&lhs, &left),
            _ => (&rhs, &right),
        };
        let mut present = vec![false; cells];
        let cell = |group: usize, step: usize| group * self.steps.count + step;
        for (row, group) in marking.rows.iter().zip(marks) {
            self.budget.work(row.values.len())?;
            for (step, value) in row.values.iter().enumerate() {
                if let Some(mark) = present.get_mut(cell(*group, step)) {
                    *mark |= is_present(*value);
                }
            }
        }
        let (filtered, memberships, kept_if) = match binary.op {
            BinaryOp::Or => (&mut rhs, &right, false),
            BinaryOp::Unless => (&mut lhs, &left, false),
            _ => (&mut lhs, &left, true),
        };
        for (row, group) in filtered.rows.iter_mut().zip(memberships) {
            self.budget.work(row.values.len())?;
            for (step, value) in row.values.iter_mut().enumerate() {
                if present.get(cell(*group, step)).copied().unwrap_or(false) != kept_if {
                    *value = ABSENT;
                }
            }
        }
        if binary.op == BinaryOp::Or {
            lhs.rows.append(&mut rhs.rows);
            return lhs.merged(self);
        }
        Ok(lhs)
    }
}
