//! What follows an operand: a range in brackets, `offset`, `@`, `anchored`, `smoothed`.

use super::{
    cursor::{Parsed, Parser},
    duration,
    lexer::Token,
};
use crate::promql::{
    Mode,
    ast::{
        At, Edges, Expr, ExprKind, Position, RangeSelector, Selector, Shift, Subquery, ValueType,
    },
};

impl Parser<'_> {
    pub(super) fn modifiers(&mut self, at: Position, mut expr: Expr) -> Parsed<Expr> {
        if self.mode == Mode::LogCache {
            return self.modifiers_of_2_13(at, expr);
        }
        loop {
            expr = match self.peek() {
                Token::Sign("[") => self.brackets(at, expr)?,
                Token::Sign("@") => self.at(expr)?,
                _ => match self.keyword().as_deref() {
                    Some("offset") => self.offset(expr)?,
                    Some("anchored") => self.edges(expr, Edges::Anchored)?,
                    Some("smoothed") => self.edges(expr, Edges::Smoothed)?,
                    _ => return Ok(expr),
                },
            };
        }
    }

    /// In 2.13: brackets, then an offset, and behind an offset a subquery.
    fn modifiers_of_2_13(&mut self, at: Position, mut expr: Expr) -> Parsed<Expr> {
        if self.peek() == &Token::Sign("[") {
            expr = self.brackets(at, expr)?;
        }
        if self.keyword().as_deref() == Some("offset") {
            expr = self.offset(expr)?;
            if self.peek() == &Token::Sign("[") {
                expr = self.brackets(at, expr)?;
            }
        }
        Ok(expr)
    }

    fn brackets(&mut self, at: Position, expr: Expr) -> Parsed<Expr> {
        self.advance();
        let range = self.duration()?;
        if self.takes(":") {
            let step = match self.takes("]") {
                true => None,
                false => {
                    let step = self.duration()?;
                    self.expect("]", "subquery selector")?;
                    Some(step)
                }
            };
            let found = expr.value_type();
            if found != ValueType::Vector && self.mode == Mode::Modern {
                let found = found.name();
                let message =
                    format!("subquery is only allowed on instant vector, got {found} instead");
                return Err(self.fail(message));
            }
            let subquery = Subquery {
                inner: expr,
                range,
                step,
                shift: Shift::default(),
            };
            return self.node(at, ExprKind::Subquery(Box::new(subquery)));
        }
        let is_plain =
            |selector: &Selector| selector.shift == Shift::default() && !selector.smoothed;
        if let (Mode::LogCache, Token::Sign("]")) = (self.mode, self.peek())
            && !matches!(&expr.kind, ExprKind::Selector(selector) if is_plain(selector))
        {
            return Err(self.unexpected("subquery selector", "\":\""));
        }
        self.expect("]", "range")?;
        match expr.kind {
            ExprKind::Selector(selector) if is_plain(&selector) => self.node(
                at,
                ExprKind::Range(RangeSelector {
                    selector,
                    range,
                    edges: None,
                }),
            ),
            ExprKind::Selector(selector) if selector.shift.offset.is_some() => {
                Err(self.fail("no offset modifiers allowed before range"))
            }
            ExprKind::Selector(selector) if selector.smoothed => {
                Err(self.fail("no smoothed modifiers allowed before range"))
            }
            ExprKind::Selector(_) => Err(self.fail("no @ modifiers allowed before range")),
            _ => Err(self.fail("ranges only allowed for vector selectors")),
        }
    }

    fn edges(&mut self, mut expr: Expr, edges: Edges) -> Parsed<Expr> {
        match &mut expr.kind {
            ExprKind::Range(range) if range.edges.is_none() => range.edges = Some(edges),
            ExprKind::Selector(selector) if edges == Edges::Smoothed && !selector.smoothed => {
                selector.smoothed = true;
            }
            _ => {
                let message = format!(
                    "{} modifier must be preceded by a range selector",
                    edges.name()
                );
                return Err(self.fail(message));
            }
        }
        self.advance();
        Ok(expr)
    }

    fn shift<'e>(&self, expr: &'e mut Expr, modifier: &str) -> Parsed<&'e mut Shift> {
        match &mut expr.kind {
            ExprKind::Selector(selector) => Ok(&mut selector.shift),
            ExprKind::Range(range) => Ok(&mut range.selector.shift),
            ExprKind::Subquery(subquery) => Ok(&mut subquery.shift),
            kind if self.mode == Mode::LogCache => Err(self.fail(format!(
                "offset modifier must be preceded by an instant or range selector, but follows a {} instead",
                name_in_2_13(kind)
            ))),
            _ => Err(self.fail(format!(
                "{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            ))),
        }
    }

    fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let shift = self.shift(&mut expr, "offset")?;
        if shift.offset.is_some() {
            return Err(self.fail("offset may not be set multiple times"));
        }
        self.advance();
        shift.offset = Some(self.signed_duration()?);
        Ok(expr)
    }

    fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let shift = self.shift(&mut expr, "@")?;
        if shift.at.is_some() {
            return Err(self.fail("@ <timestamp> may not be set multiple times"));
        }
        self.advance();
        let negative = self.takes("-");
        if !negative {
            self.takes("+");
        }
        shift.at = Some(match self.peek().clone() {
            Token::Number(seconds) | Token::Duration(seconds) => {
                self.advance();
                let seconds = if negative { -seconds } else { seconds };
                At::Time(duration::milliseconds(seconds).ok_or_else(|| {
                    self.fail(format!("timestamp out of bounds for @ modifier: {seconds}"))
                })?)
            }
            _ => {
                let instant = match self.keyword().as_deref() {
                    Some("start") => At::Start,
                    Some("end") => At::End,
                    _ => return Err(self.unexpected("@", "timestamp")),
                };
                self.advance();
                self.expect("(", "@")?;
                self.expect(")", "@")?;
                instant
            }
        });
        Ok(expr)
    }
}

/// What 2.13 calls an expression in one of its messages.
fn name_in_2_13(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Number(_) => "*promql.NumberLiteral",
        ExprKind::Text(_) => "*promql.StringLiteral",
        ExprKind::Call(_) => "*promql.Call",
        ExprKind::Aggregate(_) => "*promql.AggregateExpr",
        ExprKind::Binary(_) => "*promql.BinaryExpr",
        ExprKind::Negate(_) | ExprKind::Plus(_) => "*promql.UnaryExpr",
        ExprKind::Paren(_) => "*promql.ParenExpr",
        ExprKind::Selector(_) => "*promql.VectorSelector",
        ExprKind::Range(_) => "*promql.MatrixSelector",
        ExprKind::Subquery(_) => "*promql.SubqueryExpr",
    }
}
