//! Durations that are computed: how they are read, and what they yield.

use super::{
    cursor::{Parsed, Parser},
    lexer::Token,
    operators,
};
use crate::promql::{
    Mode,
    ast::{BinaryOp, DurationExpr},
};

/// The longest duration and the furthest time, in milliseconds: arithmetic on a few of them
/// cannot overflow.
const LONGEST_MS: f64 = 4e15;

/// Whole milliseconds of so many seconds; `None` where they are no sensible duration.
pub(crate) fn milliseconds(seconds: f64) -> Option<i64> {
    let milliseconds = (seconds * 1000.0).round();
    if !(-LONGEST_MS..=LONGEST_MS).contains(&milliseconds) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // Its range was checked.
    Some(milliseconds as i64)
}

impl DurationExpr {
    /// The duration in seconds for a query of this step and range.
    pub(crate) fn seconds(&self, step: f64, range: f64) -> f64 {
        let of = |part: &DurationExpr| part.seconds(step, range);
        match self {
            Self::Seconds(seconds) => *seconds,
            Self::Step => step,
            Self::Range => range,
            Self::Negate(inner) => -of(inner),
            Self::Min(a, b) => of(a).min(of(b)),
            Self::Max(a, b) => of(a).max(of(b)),
            Self::Binary(op, a, b) => {
                let (a, b) = (of(a), of(b));
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div => a / b,
                    BinaryOp::Mod => a % b,
                    BinaryOp::Pow => a.powf(b),
                    _ => f64::NAN,
                }
            }
        }
    }

    /// Whether the duration is known before the query's step and range are.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::Seconds(_) => true,
            Self::Step | Self::Range => false,
            Self::Negate(inner) => inner.is_constant(),
            Self::Binary(_, a, b) | Self::Min(a, b) | Self::Max(a, b) => {
                a.is_constant() && b.is_constant()
            }
        }
    }
}

impl Parser<'_> {
    /// What stands in brackets: a duration or, in Prometheus 3, arithmetic; never below a
    /// millisecond as far as that is known here.
    pub(super) fn duration(&mut self) -> Parsed<DurationExpr> {
        if self.mode == Mode::LogCache {
            return match self.peek().clone() {
                Token::Duration(seconds) if seconds > 0.0 => self.checked_literal(seconds),
                Token::Duration(_) => Err(self.fail("duration must be greater than 0")),
                _ => Err(self.unexpected("matrix", "duration")),
            };
        }
        let found = self.duration_sum(0)?;
        if found.is_constant() {
            let seconds = found.seconds(0.0, 0.0);
            match milliseconds(seconds) {
                Some(milliseconds) if milliseconds > 0 => {}
                Some(_) => return Err(self.fail("duration must be greater than 0")),
                None => return Err(self.fail("duration out of range")),
            }
        }
        Ok(found)
    }

    fn checked_literal(&mut self, seconds: f64) -> Parsed<DurationExpr> {
        if milliseconds(seconds).is_none() {
            return Err(self.fail("duration out of range"));
        }
        self.advance();
        Ok(DurationExpr::Seconds(seconds))
    }

    /// The duration behind `offset`: one operand, with a sign in Prometheus 3.
    pub(super) fn signed_duration(&mut self) -> Parsed<DurationExpr> {
        if self.mode == Mode::LogCache {
            return match self.peek().clone() {
                Token::Duration(seconds) if seconds > 0.0 => self.checked_literal(seconds),
                Token::Duration(_) => Err(self.fail("duration must be greater than 0")),
                _ => Err(self.unexpected("offset", "duration")),
            };
        }
        let found = self.duration_operand(false)?;
        if found.is_constant() && milliseconds(found.seconds(0.0, 0.0)).is_none() {
            return Err(self.fail("duration out of range"));
        }
        Ok(found)
    }

    fn duration_sum(&mut self, weakest: u8) -> Parsed<DurationExpr> {
        let mut lhs = self.duration_operand(true)?;
        while let Some(op) = self.operator() {
            let strength = operators::strength(op);
            let arithmetic = !op.is_comparison() && !op.is_set() && op != BinaryOp::Atan2;
            if strength < weakest || !arithmetic {
                break;
            }
            self.advance();
            let right_weakest = strength + u8::from(!operators::is_right_associative(op));
            let rhs = self.nested(|parser| parser.duration_sum(right_weakest))?;
            if matches!(op, BinaryOp::Div | BinaryOp::Mod)
                && rhs.is_constant()
                && rhs.seconds(0.0, 0.0) == 0.0
            {
                let what = if op == BinaryOp::Div {
                    "division by zero"
                } else {
                    "modulo by zero"
                };
                return Err(self.fail(what));
            }
            lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs));
        }
        Ok(lhs)
    }

    /// An operand, with a sign if it has one. After `offset` the sign is the operand's; in
    /// an expression a power binds more tightly than the sign.
    fn duration_operand(&mut self, in_expression: bool) -> Parsed<DurationExpr> {
        match self.peek().clone() {
            Token::Number(seconds) | Token::Duration(seconds) => {
                self.advance();
                Ok(DurationExpr::Seconds(seconds))
            }
            Token::Sign(sign @ ("-" | "+")) => {
                self.advance();
                let inner = self.nested(|parser| match in_expression {
                    true => parser.duration_sum(operators::UNARY_OPERAND),
                    false => parser.duration_operand(false),
                })?;
                Ok(if sign == "-" {
                    DurationExpr::Negate(Box::new(inner))
                } else {
                    inner
                })
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.nested(|parser| parser.duration_sum(0))?;
                self.expect(")", "duration expression")?;
                Ok(inner)
            }
            Token::Word(_) => self.duration_call(),
            _ => Err(self.unexpected("duration expression", "duration")),
        }
    }

    fn duration_call(&mut self) -> Parsed<DurationExpr> {
        let name = self.keyword().unwrap_or_default();
        if !matches!(name.as_str(), "step" | "range" | "min_of" | "max_of") {
            return Err(self.unexpected("duration expression", "duration"));
        }
        self.advance();
        self.expect("(", "duration expression")?;
        let found = match name.as_str() {
            "step" => DurationExpr::Step,
            "range" => DurationExpr::Range,
            _ => {
                let a = Box::new(self.nested(|parser| parser.duration_sum(0))?);
                self.expect(",", "duration expression")?;
                let b = Box::new(self.nested(|parser| parser.duration_sum(0))?);
                match name.as_str() {
                    "min_of" => DurationExpr::Min(a, b),
                    _ => DurationExpr::Max(a, b),
                }
            }
        };
        self.expect(")", "duration expression")?;
        Ok(found)
    }
}
