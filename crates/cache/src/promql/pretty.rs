//! A query on as many lines as it needs: what is longer than a line is divided, each part
//! further in, as Prometheus's page `format_query` does.

use super::{
    ast::{Aggregate, Expr, ExprKind},
    display::AggregateHead,
};

/// The longest text that stays on one line, in bytes.
const LINE: usize = 100;

impl Expr {
    /// The expression with its long parts divided over lines.
    pub(super) fn pretty(&self, level: usize) -> String {
        let indent = "  ".repeat(level);
        let line = self.to_string();
        if line.len() <= LINE {
            return format!("{indent}{line}");
        }
        match &self.kind {
            ExprKind::Aggregate(aggregate) => {
                let head = AggregateHead(aggregate);
                let Aggregate { param, inner, .. } = &**aggregate;
                let parts: Vec<&Expr> = param.iter().chain([inner]).collect();
                format!("{indent}{head}(\n{}\n{indent})", list(&parts, level + 1))
            }
            ExprKind::Call(call) if !call.args.is_empty() => {
                let args: Vec<&Expr> = call.args.iter().collect();
                let name = call.function.name;
                format!("{indent}{name}(\n{}\n{indent})", list(&args, level + 1))
            }
            ExprKind::Binary(binary) => {
                let (lhs, rhs) = (binary.lhs.pretty(level + 1), binary.rhs.pretty(level + 1));
                let (op, matching) = (binary.op.name(), &binary.matching);
                let returns_bool = if binary.returns_bool { " bool" } else { "" };
                format!("{lhs}\n{indent}{op}{returns_bool}{matching}\n{rhs}")
            }
            ExprKind::Paren(inner) => {
                format!("{indent}(\n{}\n{indent})", inner.pretty(level + 1))
            }
            ExprKind::Subquery(subquery) => {
                let whole = subquery.inner.to_string();
                let suffix = line.strip_prefix(&whole).unwrap_or_default();
                format!("{}{suffix}", subquery.inner.pretty(level))
            }
            ExprKind::Negate(inner) => signed('-', inner, level),
            ExprKind::Plus(inner) => signed('+', inner, level),
            _ => format!("{indent}{line}"),
        }
    }
}

fn list(parts: &[&Expr], level: usize) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.pretty(level)).collect();
    parts.join(",\n")
}

fn signed(sign: char, inner: &Expr, level: usize) -> String {
    let inner = inner.pretty(level);
    format!("{}{sign}{}", "  ".repeat(level), inner.trim_start())
}

#[cfg(test)]
mod tests {
    use crate::promql::{Mode, Query};

    fn pretty(text: &str) -> String {
        Query::parse(text, Mode::Modern).unwrap().pretty()
    }

    #[test]
    fn what_fits_a_line_stays_on_it() {
        assert_eq!(pretty("sum(x)by(a)/2"), "sum by (a) (x) / 2");
    }

    #[test]
    fn what_is_longer_is_divided() {
        let long =
            "a_metric_with_a_long_name_indeed{source_id=\"73467cc3-261a-472e-80e8-d6eadfd30d98\"}";
        let text = format!("topk(3, sum by (b) (rate({long}[5m])))[1h:] offset 5m");
        let expected =
            format!("topk(\n  3,\n  sum by (b) (\n    rate({long}[5m])\n  )\n)[1h:] offset 5m");
        assert_eq!(pretty(&text), expected);
        let text = format!("-({long} > bool on (x) group_left (y) {long})");
        let expected = format!("-(\n    {long}\n  > bool on (x) group_left (y)\n    {long}\n)");
        assert_eq!(pretty(&text), expected);
        assert_eq!(pretty(&expected), expected);
    }

    #[test]
    fn no_query_takes_long() {
        let deep = format!("{}x{}", "sum(".repeat(100), ")".repeat(100));
        if let Ok(query) = Query::parse(&deep, Mode::Modern) {
            assert!(query.pretty().len() < 100_000);
        }
    }
}
