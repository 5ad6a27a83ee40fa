//! Operators: how they bind, and what may stand between them and their right side.

use super::{
    cursor::{Parsed, Parser},
    lexer::Token,
};
use crate::promql::{
    Mode,
    ast::{AggregateOp, BinaryOp, Cardinality, ExprKind, Matching},
};

/// How tightly an operator binds.
pub(super) fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        op if op.is_comparison() => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Pow => 6,
        _ => 5,
    }
}

/// What the operand of a sign may hold: only a power binds more tightly than the sign.
pub(super) const UNARY_OPERAND: u8 = 6;

pub(super) fn is_right_associative(op: BinaryOp) -> bool {
    op == BinaryOp::Pow
}

/// The aggregation operator of a name in lower case.
pub(super) fn aggregate(name: &str, mode: Mode) -> Option<AggregateOp> {
    use AggregateOp as Op;
    Some(match name {
        "sum" => Op::Sum,
        "avg" => Op::Avg,
        "count" => Op::Count,
        "min" => Op::Min,
        "max" => Op::Max,
        "stddev" => Op::Stddev,
        "stdvar" => Op::Stdvar,
        "topk" => Op::TopK,
        "bottomk" => Op::BottomK,
        "count_values" => Op::CountValues,
        "quantile" => Op::Quantile,
        "group" if mode == Mode::Modern => Op::Group,
        "limitk" if mode == Mode::Modern => Op::LimitK,
        "limit_ratio" if mode == Mode::Modern => Op::LimitRatio,
        _ => return None,
    })
}

impl AggregateOp {
    /// Whether a parameter comes before what is aggregated.
    pub(crate) fn takes_param(self) -> bool {
        matches!(
            self,
            Self::TopK
                | Self::BottomK
                | Self::CountValues
                | Self::Quantile
                | Self::LimitK
                | Self::LimitRatio
        )
    }
}

impl Parser<'_> {
    /// The operator that is next, if one is.
    pub(super) fn operator(&self) -> Option<BinaryOp> {
        Some(match self.peek() {
            Token::Sign("+") => BinaryOp::Add,
            Token::Sign("-") => BinaryOp::Sub,
            Token::Sign("*") => BinaryOp::Mul,
            Token::Sign("/") => BinaryOp::Div,
            Token::Sign("%") => BinaryOp::Mod,
            Token::Sign("^") => BinaryOp::Pow,
            Token::Sign("==") => BinaryOp::Eq,
            Token::Sign("!=") => BinaryOp::Ne,
            Token::Sign("<") => BinaryOp::Lt,
            Token::Sign("<=") => BinaryOp::Le,
            Token::Sign(">") => BinaryOp::Gt,
            Token::Sign(">=") => BinaryOp::Ge,
            _ => match self.keyword().as_deref()? {
                "and" => BinaryOp::And,
                "or" => BinaryOp::Or,
                "unless" => BinaryOp::Unless,
                "atan2" if self.mode == Mode::Modern => BinaryOp::Atan2,
                _ => return None,
            },
        })
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right` and the fills.
    pub(super) fn matching(&mut self, op: BinaryOp) -> Parsed<(bool, Matching)> {
        let mut matching = Matching::default();
        let returns_bool = self.keyword().as_deref() == Some("bool");
        if returns_bool {
            if !op.is_comparison() {
                return Err(self.fail("bool modifier can only be used on comparison operators"));
            }
            self.advance();
        }
        matching.on = self.takes_keyword("on");
        if matching.on || self.takes_keyword("ignoring") {
            matching.labels = self.label_list()?;
            self.cardinality(op, &mut matching)?;
        }
        if self.mode == Mode::Modern {
            self.fills(op, &mut matching)?;
        }
        Ok((returns_bool, matching))
    }

    fn cardinality(&mut self, op: BinaryOp, matching: &mut Matching) -> Parsed<()> {
        let left = self.keyword().as_deref() == Some("group_left");
        if !left && self.keyword().as_deref() != Some("group_right") {
            return Ok(());
        }
        if op.is_set() {
            return Err(self.fail(format!("no grouping allowed for {:?} operation", op.name())));
        }
        self.advance();
        // `group_left (a) b` names labels, `group_left (b)` is read so too, as upstream does.
        let include = match self.peek() {
            Token::Sign("(") => self.label_list()?,
            _ => Vec::new(),
        };
        if matching.on
            && let Some(both) = include.iter().find(|label| matching.labels.contains(label))
        {
            return Err(self.fail(format!(
                "label {both:?} must not occur in ON and GROUP clause at once"
            )));
        }
        matching.cardinality = match left {
            true => Cardinality::ManyToOne(include),
            false => Cardinality::OneToMany(include),
        };
        Ok(())
    }

    fn fills(&mut self, op: BinaryOp, matching: &mut Matching) -> Parsed<()> {
        while self.peek_at(1) == &Token::Sign("(") {
            let keyword = self.keyword();
            let (left, right) = match keyword.as_deref() {
                Some("fill") => (true, true),
                Some("fill_left") => (true, false),
                Some("fill_right") => (false, true),
                _ => break,
            };
            if op.is_set() {
                return Err(self.fail("filling in missing series not allowed for set operators"));
            }
            self.advance();
            self.advance();
            let value = self.fill_value()?;
            self.expect(")", "fill value")?;
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        match self.expression(0)?.kind {
            ExprKind::Number(value) => Ok(value),
            _ => Err(self.unexpected("fill value", "number")),
        }
    }
}
