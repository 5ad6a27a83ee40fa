//! Expressions as text again, in the one form that Prometheus would write them in.

use std::{
    fmt::{Display, Formatter, Result, Write as _},
    sync::Arc,
};

use super::{
    ast::{
        Aggregate, AggregateOp, At, Binary, Cardinality, DurationExpr, Edges, Expr, ExprKind,
        Grouping, Matching, Selector, Shift,
    },
    labels::{METRIC_NAME, is_legacy_label_name},
    matcher::{MatchOp, Matcher},
    numbers::go_float,
};

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::Number(value) => out.write_str(&go_float(*value)),
            ExprKind::Text(text) => write!(out, "{}", Quoted(text)),
            ExprKind::Selector(selector) => {
                series(selector, out)?;
                if selector.smoothed {
                    out.write_str(" smoothed")?;
                }
                write!(out, "{}", selector.shift)
            }
            ExprKind::Range(range) => {
                series(&range.selector, out)?;
                write!(out, "[{}]", range.range)?;
                if let Some(edges) = range.edges {
                    write!(out, " {}", Edges::name(edges))?;
                }
                write!(out, "{}", range.selector.shift)
            }
            ExprKind::Subquery(subquery) => {
                write!(out, "{}[{}:", subquery.inner, subquery.range)?;
                if let Some(step) = &subquery.step {
                    write!(out, "{step}")?;
                }
                write!(out, "]{}", subquery.shift)
            }
            ExprKind::Call(call) => {
                write!(out, "{}(", call.function.name)?;
                list(&call.args, out)?;
                out.write_char(')')
            }
            ExprKind::Aggregate(aggregate) => write!(out, "{aggregate}"),
            ExprKind::Binary(binary) => write!(out, "{binary}"),
            ExprKind::Negate(inner) => write!(out, "-{inner}"),
            ExprKind::Plus(inner) => write!(out, "+{inner}"),
            ExprKind::Paren(inner) => write!(out, "({inner})"),
        }
    }
}

/// Parts with commas between them.
fn list<T: Display>(parts: &[T], out: &mut Formatter<'_>) -> Result {
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(out, "{comma}{part}")?;
    }
    Ok(())
}

/// A text in double quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_char('"')?;
        for ch in self.0.chars() {
            match ch {
                '"' | '\\' => write!(out, "\\{ch}")?,
                '\n' => out.write_str("\\n")?,
                '\r' => out.write_str("\\r")?,
                '\t' => out.write_str("\\t")?,
                ch if ch.is_control() => write!(out, "\\u{:04x}", u32::from(ch))?,
                ch => out.write_char(ch)?,
            }
        }
        out.write_char('"')
    }
}

/// A label's name, quoted where it must be.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match is_legacy_label_name(self.0) {
            true => out.write_str(self.0),
            false => write!(out, "{}", Quoted(self.0)),
        }
    }
}

impl Display for Matcher {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        write!(
            out,
            "{}{}{}",
            Name(&self.name),
            self.op,
            Quoted(&self.value)
        )
    }
}

fn series(selector: &Selector, out: &mut Formatter<'_>) -> Result {
    let name = selector.name.as_deref();
    out.write_str(name.unwrap_or_default())?;
    let names = |matcher: &&Matcher| {
        &*matcher.name == METRIC_NAME
            && matcher.op == MatchOp::Equal
            && Some(&*matcher.value) == name
    };
    let others: Vec<_> = selector
        .matchers
        .iter()
        .filter(|matcher| !names(matcher))
        .collect();
    if others.is_empty() && name.is_some() {
        return Ok(());
    }
    out.write_char('{')?;
    for (index, matcher) in others.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{matcher}")?;
    }
    out.write_char('}')
}

impl Display for Shift {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self.at {
            None => {}
            Some(At::Start) => out.write_str(" @ start()")?,
            Some(At::End) => out.write_str(" @ end()")?,
            Some(At::Time(time)) => write!(out, " @ {:.3}", time as f64 / 1000.0)?,
        }
        match &self.offset {
            None => Ok(()),
            Some(offset @ DurationExpr::Binary(..)) => write!(out, " offset ({offset})"),
            Some(offset) => write!(out, " offset {offset}"),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Seconds(seconds) => out.write_str(&duration(*seconds)),
            Self::Step => out.write_str("step()"),
            Self::Range => out.write_str("range()"),
            Self::Negate(inner) => match **inner {
                Self::Binary(..) => write!(out, "-({inner})"),
                _ => write!(out, "-{inner}"),
            },
            Self::Min(a, b) => write!(out, "min_of({a}, {b})"),
            Self::Max(a, b) => write!(out, "max_of({a}, {b})"),
            Self::Binary(op, a, b) => {
                for (index, side) in [a, b].into_iter().enumerate() {
                    if index == 1 {
                        write!(out, " {} ", op.name())?;
                    }
                    match **side {
                        Self::Binary(..) => write!(out, "({side})")?,
                        _ => write!(out, "{side}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// `1h30m`; years and weeks only where nothing else is left. A number of seconds where
/// milliseconds do not suffice.
fn duration(seconds: f64) -> String {
    let Some(mut rest) = super::syntax::milliseconds(seconds) else {
        return go_float(seconds);
    };
    if rest as f64 != seconds * 1000.0 || rest < 0 {
        return go_float(seconds);
    }
    if rest == 0 {
        return "0s".to_owned();
    }
    let units = [
        ("y", 31_536_000_000, true),
        ("w", 604_800_000, true),
        ("d", 86_400_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    let mut text = String::new();
    for (unit, length, only_whole) in units {
        if rest >= length && (!only_whole || rest % length == 0) {
            text += &format!("{}{unit}", rest / length);
            rest %= length;
        }
    }
    text
}

fn names(labels: &[Arc<str>]) -> String {
    let names: Vec<_> = labels.iter().map(|label| Name(label).to_string()).collect();
    names.join(", ")
}

impl AggregateOp {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }
}

/// An aggregation up to its parenthesis.
pub(super) struct AggregateHead<'a>(pub(super) &'a Aggregate);

impl Display for AggregateHead<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str(self.0.op.name())?;
        match &self.0.grouping {
            Grouping::By(labels) if labels.is_empty() => Ok(()),
            Grouping::By(labels) => write!(out, " by ({}) ", names(labels)),
            Grouping::Without(labels) => write!(out, " without ({}) ", names(labels)),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        write!(out, "{}", AggregateHead(self))?;
        match &self.param {
            Some(param) => write!(out, "({param}, {})", self.inner),
            None => write!(out, "({})", self.inner),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let returns_bool = if self.returns_bool { " bool" } else { "" };
        let (lhs, op, rhs) = (&self.lhs, self.op.name(), &self.rhs);
        write!(out, "{lhs} {op}{returns_bool}{} {rhs}", self.matching)
    }
}

impl Display for Matching {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let one_to_one = self.cardinality == Cardinality::OneToOne;
        if self.on || !self.labels.is_empty() || !one_to_one {
            let kind = if self.on { "on" } else { "ignoring" };
            write!(out, " {kind} ({})", names(&self.labels))?;
        }
        match &self.cardinality {
            Cardinality::OneToOne => {}
            Cardinality::ManyToOne(labels) => write!(out, " group_left ({})", names(labels))?,
            Cardinality::OneToMany(labels) => write!(out, " group_right ({})", names(labels))?,
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => {
                return write!(out, " fill ({})", go_float(left));
            }
            _ => {}
        }
        for (side, fill) in [("left", self.fill_left), ("right", self.fill_right)] {
            if let Some(value) = fill {
                write!(out, " fill_{side} ({})", go_float(value))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::promql::{Mode, Query};

    fn formatted(text: &str) -> String {
        Query::parse(text, Mode::Modern).unwrap().expr().to_string()
    }

    #[test]
    fn text_comes_back_in_one_form() {
        let cases = [
            (
                "sum(rate(x{b='1',a!~\"2\"}[90s]))by(job)",
                r#"sum by (job) (rate(x{b="1",a!~"2"}[1m30s]))"#,
            ),
            ("a+on(x)group_left b", "a + on (x) group_left () b"),
            ("x offset -5m @ 1", "x @ 1.000 offset -5m"),
            ("x[5m:] @ end()", "x[5m:] @ end()"),
            ("topk(3,-(x))", "topk(3, -(x))"),
            ("x == bool 1e300", "x == bool 1e+300"),
            (
                r#"label_replace(x, "a.b", "\"", 'c', "")"#,
                r#"label_replace(x, "a.b", "\"", "c", "")"#,
            ),
            ("{\"my.metric\"}", r#"{__name__="my.metric"}"#),
            (
                "x[step() * 2:1m] offset (1m + 1s)",
                "x[step() * 2s:1m] offset (1m + 1s)",
            ),
            ("x[1h] smoothed", "x[1h] smoothed"),
            ("a + fill_left(1) b", "a + fill_left (1) b"),
        ];
        for (text, expected) in cases {
            assert_eq!(formatted(text), expected);
            assert_eq!(formatted(expected), expected);
        }
    }
}
