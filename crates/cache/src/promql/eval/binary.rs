//! Binary operators: which kind of sides they have.

use super::{Evaluator, Value, arithmetic::apply};
use crate::promql::{EvalError, ast::Binary};

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &Binary) -> Result<Value, EvalError> {
        let (lhs, rhs) = (self.eval(&binary.lhs)?, self.eval(&binary.rhs)?);
        Ok(match (lhs, rhs) {
            (Value::Scalar(lhs), Value::Scalar(rhs)) => Value::Scalar(
                lhs.into_iter()
                    .zip(rhs)
                    .map(|(a, b)| apply(binary.op, a, b))
                    .collect(),
            ),
            (Value::Vector(table), Value::Scalar(scalar)) => {
                Value::Vector(self.with_scalar(binary, table, &scalar, false)?)
            }
            (Value::Scalar(scalar), Value::Vector(table)) => {
                Value::Vector(self.with_scalar(binary, table, &scalar, true)?)
            }
            (Value::Vector(lhs), Value::Vector(rhs)) => Value::Vector(match binary.op.is_set() {
                true => self.set_operation(binary, lhs, rhs)?,
                false => self.join(binary, &lhs, &rhs)?,
            }),
            (Value::Text(_), _) | (_, Value::Text(_)) => {
                return Err(EvalError::execution(
                    "binary expression must contain only scalar and instant vector types",
                ));
            }
        })
    }
}
