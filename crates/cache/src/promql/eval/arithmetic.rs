//! Operators on two numbers, on a vector and a number, and signs.

use super::{ABSENT, Evaluator, Table, Value, is_present};
use crate::promql::{
    EvalError,
    ast::{Binary, BinaryOp, Expr},
};

/// What an arithmetic operator makes of two numbers, or 0 and 1 of a comparison.
pub(super) fn apply(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        op => f64::from(u8::from(holds(op, a, b))),
    }
}

/// Whether a comparison holds.
pub(super) fn holds(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => false,
    }
}

impl Evaluator<'_> {
    pub(super) fn negate(&self, inner: &Expr) -> Result<Value, EvalError> {
        match self.eval(inner)? {
            Value::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(Value::Scalar(values))
            }
            Value::Vector(mut table) => {
                table
                    .rows
                    .iter_mut()
                    .for_each(|row| row.map(|_, value| -value));
                table.drop_names(self).map(Value::Vector)
            }
            text @ Value::Text(_) => Ok(text),
        }
    }

    /// A vector on one side and a number on the other. A comparison that holds keeps the
    /// vector's value.
    pub(super) fn with_scalar(
        &self,
        binary: &Binary,
        mut table: Table,
        scalar: &[f64],
        scalar_is_left: bool,
    ) -> Result<Table, EvalError> {
        let filters = binary.op.is_comparison() && !binary.returns_bool;
        for row in &mut table.rows {
            self.budget.work(row.values.len())?;
            for (value, scalar) in row.values.iter_mut().zip(scalar) {
                if !is_present(*value) {
                    continue;
                }
                let (a, b) = if scalar_is_left {
                    (*scalar, *value)
                } else {
                    (*value, *scalar)
                };
                if !filters {
                    *value = apply(binary.op, a, b);
                } else if !holds(binary.op, a, b) {
                    *value = ABSENT;
                }
            }
        }
        match filters {
            true => Ok(table),
            false => table.drop_names(self),
        }
    }
}
