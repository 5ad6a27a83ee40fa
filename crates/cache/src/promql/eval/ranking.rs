//! Aggregations that pick series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::{
    ABSENT, Evaluator, Table,
    aggregate::{Groups, members},
    call::at,
    is_present,
    sorting::by_value,
};
use crate::promql::{
    EvalError, Labels, Mode,
    ast::{AggregateOp, Expr},
    limits::Use,
    numbers::go_float,
};

impl Evaluator<'_> {
    pub(super) fn ranked(
        &self,
        op: AggregateOp,
        mut table: Table,
        groups: &Groups,
        param: &[f64],
        expr: &Expr,
    ) -> Result<Table, EvalError> {
        // 2.13 looks at the parameter only where there is something to pick from.
        if table.rows.is_empty() && self.mode == Mode::LogCache {
            return Ok(table);
        }
        if op == AggregateOp::LimitRatio {
            return self.limit_ratio(table, param, expr);
        }
        let members = members(groups);
        let mut kept = vec![false; table.rows.len()];
        let is_instant = !self.range_query && self.steps.count == 1;
        let mut order = Vec::new();
        self.budget.charge(Use::values(0, table.rows.len()))?;
        for step in 0..self.steps.count {
            kept.fill(false);
            let most = count_of(at(param, step), self.mode)?;
            for members in &members {
                self.budget.work(members.len())?;
                let present = members
                    .iter()
                    .filter_map(|row| Some((*row, table.rows.get(*row)?.at(step)?)));
                let mut ranked: Vec<(usize, f64)> = present.collect();
                if op != AggregateOp::LimitK {
                    ranked.sort_by(|a, b| by_value(a.1, b.1, op == AggregateOp::TopK));
                }
                ranked.truncate(most);
                for (row, _) in ranked {
                    if let Some(kept) = kept.get_mut(row) {
                        *kept = true;
                    }
                    if is_instant {
                        order.push(row);
                    }
                }
            }
            for (row, kept) in table.rows.iter_mut().zip(&kept) {
                if let (Some(value), false) = (row.values.get_mut(step), *kept) {
                    *value = ABSENT;
                }
            }
        }
        if !is_instant {
            table
                .rows
                .retain(|row| row.values.iter().any(|value| is_present(*value)));
            return Ok(table);
        }
        // The answer of an instant query comes in the order of rank.
        let mut rows: Vec<Option<_>> = table.rows.into_iter().map(Some).collect();
        let ranked = order
            .into_iter()
            .filter_map(|row| rows.get_mut(row)?.take());
        Ok(Table {
            rows: ranked.collect(),
        })
    }

    /// Keeps a share of series, chosen by a hash of their labels; a negative share keeps
    /// those that the complement would leave out.
    fn limit_ratio(
        &self,
        mut table: Table,
        param: &[f64],
        expr: &Expr,
    ) -> Result<Table, EvalError> {
        for ratio in param {
            if ratio.is_nan() {
                return Err(EvalError::execution("Ratio value is NaN"));
            }
            if ratio.abs() > 1.0 {
                let (shown, capped) = (go_float(*ratio), ratio.signum());
                self.warn(
                    &format!(
                        "ratio value should be between -1 and 1, got {shown}, capping to {capped}"
                    ),
                    expr,
                );
            }
        }
        for row in &mut table.rows {
            self.budget.work(row.values.len())?;
            let place = place_of(&row.labels);
            for (step, value) in row.values.iter_mut().enumerate() {
                let ratio = at(param, step).clamp(-1.0, 1.0);
                let kept = match ratio >= 0.0 {
                    true => place < ratio,
                    false => place >= 1.0 + ratio,
                };
                if !kept {
                    *value = ABSENT;
                }
            }
        }
        table
            .rows
            .retain(|row| row.values.iter().any(|value| is_present(*value)));
        Ok(table)
    }
}

/// How many series a parameter allows.
fn count_of(param: f64, mode: Mode) -> Result<usize, EvalError> {
    if param.is_nan() && mode == Mode::Modern {
        return Err(EvalError::execution("Parameter value is NaN"));
    }
    if !(-9.2e18..=9.2e18).contains(&param) {
        let shown = go_float(param);
        return Err(EvalError::execution(format!(
            "Scalar value {shown} overflows int64"
        )));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Its range was checked.
    Ok(param.max(0.0) as usize)
}

/// A number from 0 to 1 that a label set always has: FNV-1a with a final mix.
fn place_of(labels: &Labels) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, value) in labels.iter() {
        for byte in name
            .bytes()
            .chain([0xff])
            .chain(value.bytes())
            .chain([0xff])
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash as f64 / u64::MAX as f64
}
