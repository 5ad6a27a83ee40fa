//! What may stand where: checked as the tree grows.

use crate::promql::{
    ast::{AggregateOp, Binary, BinaryOp, Call, Edges, Expr, ExprKind, Selector, ValueType},
    functions::Variadic,
};

/// What a selector without any condition is told.
pub(super) const UNBOUNDED: &str = "vector selector must contain at least one non-empty matcher";

/// Checks a whole tree, the parts of a node before the node.
pub(super) fn check_tree(expr: &Expr) -> Result<(), String> {
    match &expr.kind {
        ExprKind::Call(call) => call.args.iter().try_for_each(check_tree)?,
        ExprKind::Aggregate(aggregate) => {
            check_tree(&aggregate.inner)?;
            aggregate.param.iter().try_for_each(check_tree)?;
        }
        ExprKind::Binary(binary) => {
            check_tree(&binary.lhs)?;
            check_tree(&binary.rhs)?;
        }
        ExprKind::Subquery(subquery) => check_tree(&subquery.inner)?,
        ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => {
            check_tree(inner)?;
        }
        _ => {}
    }
    check(&expr.kind)?;
    match &expr.kind {
        ExprKind::Subquery(subquery) if subquery.inner.value_type() != ValueType::Vector => {
            let found = match subquery.inner.value_type() {
                ValueType::Matrix => "matrix",
                found => found.name(),
            };
            let text = expr.to_string();
            Err(format!(
                "subquery is only allowed on instant vector, got {found} in {text:?} instead"
            ))
        }
        _ => Ok(()),
    }
}

/// Checks what both versions check while they read.
pub(super) fn check_comparison(
    op: BinaryOp,
    returns_bool: bool,
    lhs: &Expr,
    rhs: &Expr,
) -> Result<(), String> {
    let scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
    match op.is_comparison() && !returns_bool && scalar(lhs) && scalar(rhs) {
        true => Err("comparisons between scalars must use BOOL modifier".to_owned()),
        false => Ok(()),
    }
}

/// Checks a node whose parts were checked already.
pub(super) fn check(kind: &ExprKind) -> Result<(), String> {
    match kind {
        ExprKind::Call(call) => check_call(call),
        ExprKind::Aggregate(aggregate) => {
            expect(
                &aggregate.inner,
                ValueType::Vector,
                "aggregation expression",
            )?;
            match (&aggregate.param, aggregate.op) {
                (Some(param), AggregateOp::CountValues) => {
                    expect(param, ValueType::String, "aggregation parameter")
                }
                (Some(param), _) => expect(param, ValueType::Scalar, "aggregation parameter"),
                (None, _) => Ok(()),
            }
        }
        ExprKind::Binary(binary) => check_binary(binary),
        ExprKind::Negate(inner) | ExprKind::Plus(inner) => match inner.value_type() {
            ValueType::Scalar | ValueType::Vector => Ok(()),
            found => Err(format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                found.name()
            )),
        },
        _ => Ok(()),
    }
}

fn expect(expr: &Expr, wanted: ValueType, context: &str) -> Result<(), String> {
    let found = expr.value_type();
    if found != wanted {
        let (wanted, found) = (wanted.name(), found.name());
        return Err(format!("expected type {wanted} in {context}, got {found}"));
    }
    Ok(())
}

/// The first selector that would read everything, if there is one. `info` alone takes such
/// a selector, as its second argument.
pub(super) fn unbounded_selector(expr: &Expr) -> Option<&Expr> {
    let bounded = |selector: &Selector| !selector.matchers.iter().all(|m| m.matches(""));
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Text(_) => None,
        ExprKind::Selector(selector) => (!bounded(selector)).then_some(expr),
        ExprKind::Range(range) => (!bounded(&range.selector)).then_some(expr),
        ExprKind::Subquery(subquery) => unbounded_selector(&subquery.inner),
        ExprKind::Call(call) => {
            let checked = if call.function.name == "info" {
                1
            } else {
                call.args.len()
            };
            call.args.iter().take(checked).find_map(unbounded_selector)
        }
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_ref().and_then(unbounded_selector);
            param.or_else(|| unbounded_selector(&aggregate.inner))
        }
        ExprKind::Binary(binary) => {
            unbounded_selector(&binary.lhs).or_else(|| unbounded_selector(&binary.rhs))
        }
        ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => {
            unbounded_selector(inner)
        }
    }
}

fn check_call(call: &Call) -> Result<(), String> {
    let (name, types) = (call.function.name, call.function.args);
    let (given, most) = (call.args.len(), types.len());
    match call.function.variadic {
        Variadic::Exact if given != most => {
            return Err(format!(
                "expected {most} argument(s) in call to {name:?}, got {given}"
            ));
        }
        Variadic::Optional(_) | Variadic::Unbounded(_) | Variadic::Exact => {}
    }
    let least = call.function.least_args();
    if given < least {
        return Err(format!(
            "expected at least {least} argument(s) in call to {name:?}, got {given}"
        ));
    }
    if matches!(call.function.variadic, Variadic::Optional(_)) && given > most {
        return Err(format!(
            "expected at most {most} argument(s) in call to {name:?}, got {given}"
        ));
    }
    let last = types.last().copied().unwrap_or(ValueType::Scalar);
    for (index, arg) in call.args.iter().enumerate() {
        let wanted = types.get(index).copied().unwrap_or(last);
        if name == "info" && index == 1 {
            match arg.kind {
                ExprKind::Selector(_) => continue,
                _ => {
                    return Err(
                        "expected label selectors as the second argument to the info function"
                            .to_owned(),
                    );
                }
            }
        }
        expect(arg, wanted, &format!("call to function {name:?}"))?;
        check_edges(arg, name)?;
    }
    Ok(())
}

/// `anchored` and `smoothed` go with the functions that look at a range's edges.
fn check_edges(arg: &Expr, name: &str) -> Result<(), String> {
    let ExprKind::Range(range) = &arg.unparen().kind else {
        return Ok(());
    };
    let (edges, allowed): (Edges, &[&str]) = match range.edges {
        None => return Ok(()),
        Some(Edges::Anchored) => (
            Edges::Anchored,
            &["changes", "delta", "increase", "rate", "resets"],
        ),
        Some(Edges::Smoothed) => (Edges::Smoothed, &["delta", "increase", "rate"]),
    };
    match allowed.contains(&name) {
        true => Ok(()),
        false => Err(format!(
            "{} modifier can only be used with: {} - not with {name}",
            edges.name(),
            allowed.join(", ")
        )),
    }
}

fn check_binary(binary: &Binary) -> Result<(), String> {
    let Binary {
        op,
        lhs,
        rhs,
        matching,
        ..
    } = binary;
    let (left, right) = (lhs.value_type(), rhs.value_type());
    let fits = |found| matches!(found, ValueType::Scalar | ValueType::Vector);
    if !fits(left) || !fits(right) {
        return Err(
            "binary expression must contain only scalar and instant vector types".to_owned(),
        );
    }
    if left != ValueType::Vector || right != ValueType::Vector {
        if !matching.labels.is_empty() {
            return Err("vector matching only allowed between instant vectors".to_owned());
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return Err(
                "filling in missing series only allowed between instant vectors".to_owned(),
            );
        }
        if op.is_set() {
            return Err(format!(
                "set operator {:?} not allowed in binary scalar expression",
                op.name()
            ));
        }
    }
    Ok(())
}

/// The depth of the deepest part of a node.
pub(super) fn deepest_part(kind: &ExprKind) -> usize {
    match kind {
        ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Selector(_) | ExprKind::Range(_) => 0,
        ExprKind::Subquery(subquery) => subquery.inner.depth,
        ExprKind::Call(call) => call.args.iter().map(|arg| arg.depth).max().unwrap_or(0),
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_ref().map_or(0, |param| param.depth);
            aggregate.inner.depth.max(param)
        }
        ExprKind::Binary(binary) => binary.lhs.depth.max(binary.rhs.depth),
        ExprKind::Negate(inner) | ExprKind::Plus(inner) | ExprKind::Paren(inner) => inner.depth,
    }
}
