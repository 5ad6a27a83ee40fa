//! Expressions: a parser by operator precedence over the tokens.

use std::sync::Arc;

use super::{
    cursor::{Failure, Parsed, Parser},
    lexer::{self, Token},
    operators, types,
};
use crate::promql::{
    Mode,
    ast::{Aggregate, AggregateOp, Binary, Call, Expr, ExprKind, Grouping, Position},
    error::ParseError,
    functions,
};

/// The longest text that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// How deep expressions may nest: every walk over a tree recurses so far at most.
const DEEPEST: usize = 100;

/// Reads a whole query.
pub(crate) fn parse(text: &str, mode: Mode) -> Result<Expr, ParseError> {
    let single_line = !text.trim().contains('\n');
    let error = |Position { line, column }, message| ParseError {
        message,
        line,
        column,
        single_line,
        mode,
    };
    let expr = read(text, mode)
        .map_err(|Failure { at, message }| error(lexer::position(text, at), message))?;
    // 2.13 checks types when all is read.
    if mode == Mode::LogCache {
        types::check_tree(&expr)
            .map_err(|message| error(lexer::position(text, text.len()), message))?;
    }
    match types::unbounded_selector(&expr) {
        Some(selector) => Err(error(selector.at, types::UNBOUNDED.to_owned())),
        None => Ok(expr),
    }
}

fn read(text: &str, mode: Mode) -> Parsed<Expr> {
    if text.len() > LONGEST {
        let message = format!("query is longer than {LONGEST} bytes");
        return Err(Failure { at: 0, message });
    }
    let mut parser = Parser::new(text, mode);
    if parser.peek() == &Token::End {
        let at = if mode == Mode::LogCache {
            parser.start()
        } else {
            0
        };
        return Err(Failure {
            at,
            message: "no expression found in input".to_owned(),
        });
    }
    let expr = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ if mode == Mode::LogCache => {
            let rest = text.get(parser.start()..).unwrap_or_default();
            let shown: String = rest.chars().take(15).collect();
            Err(parser.fail(format!("could not parse remaining input {shown:?}...")))
        }
        _ => Err(parser.unexpected("", "")),
    }
}

impl Parser<'_> {
    /// A checked node; deep trees are refused here.
    pub(super) fn node(&self, at: Position, kind: ExprKind) -> Parsed<Expr> {
        if self.mode == Mode::Modern {
            types::check(&kind).map_err(|message| self.fail(message))?;
        }
        let depth = 1 + types::deepest_part(&kind);
        match depth > DEEPEST {
            true => Err(self.too_deep()),
            false => Ok(Expr { kind, at, depth }),
        }
    }

    fn too_deep(&self) -> Failure {
        self.fail(format!("expression is nested deeper than {DEEPEST} levels"))
    }

    /// An expression whose operators all bind at least as tightly as `weakest`.
    pub(super) fn expression(&mut self, weakest: u8) -> Parsed<Expr> {
        self.nested(|parser| parser.operation(weakest))
    }

    /// One level deeper, as long as that is allowed.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= DEEPEST {
            return Err(self.too_deep());
        }
        self.nesting += 1;
        let found = read(self);
        self.nesting -= 1;
        found
    }

    fn operation(&mut self, weakest: u8) -> Parsed<Expr> {
        let at = self.position();
        let mut lhs = self.unary()?;
        while let Some(op) = self.operator() {
            let strength = operators::strength(op);
            if strength < weakest {
                break;
            }
            self.advance();
            let (returns_bool, matching) = self.matching(op)?;
            let right_weakest = strength + u8::from(!operators::is_right_associative(op));
            let rhs = self.expression(right_weakest)?;
            types::check_comparison(op, returns_bool, &lhs, &rhs)
                .map_err(|message| self.fail(message))?;
            let binary = Binary {
                op,
                lhs,
                rhs,
                returns_bool,
                matching,
            };
            lhs = self.node(at, ExprKind::Binary(Box::new(binary)))?;
        }
        Ok(lhs)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let at = self.position();
        let negative = match self.peek() {
            Token::Sign("-") => true,
            Token::Sign("+") => false,
            _ => return self.operand(),
        };
        self.advance();
        // 2.13 takes a sign as part of its operand, Prometheus 3 lets a power bind tighter.
        let inner = match self.mode {
            Mode::LogCache => self.nested(Self::unary)?,
            Mode::Modern => self.expression(operators::UNARY_OPERAND)?,
        };
        match inner.kind {
            ExprKind::Number(value) => {
                self.node(at, ExprKind::Number(if negative { -value } else { value }))
            }
            _ if negative => self.node(at, ExprKind::Negate(Box::new(inner))),
            _ => self.node(at, ExprKind::Plus(Box::new(inner))),
        }
    }

    /// An operand with its brackets, `offset` and `@`.
    fn operand(&mut self) -> Parsed<Expr> {
        let at = self.position();
        let expr = self.primary(at)?;
        self.modifiers(at, expr)
    }

    fn primary(&mut self, at: Position) -> Parsed<Expr> {
        match self.peek().clone() {
            Token::Number(value) => {
                self.advance();
                self.node(at, ExprKind::Number(value))
            }
            // Since 2.54 a duration may stand where a number may.
            Token::Duration(seconds) if self.mode == Mode::Modern => {
                self.advance();
                self.node(at, ExprKind::Number(seconds))
            }
            Token::Text(text) => {
                self.advance();
                self.node(at, ExprKind::Text(text.into()))
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect(")", "paren expression")?;
                self.node(at, ExprKind::Paren(Box::new(inner)))
            }
            Token::Sign("{") => self.selector(at, None),
            Token::Word(word) => self.word(at, &word),
            _ => Err(self.no_expression()),
        }
    }

    /// A number, an aggregation, a call or a metric: whatever starts with a word.
    fn word(&mut self, at: Position, word: &str) -> Parsed<Expr> {
        let lower = word.to_ascii_lowercase();
        let called = self.peek_at(1) == &Token::Sign("(");
        match lower.as_str() {
            "inf" | "nan" => {
                self.advance();
                let value = if lower == "inf" {
                    f64::INFINITY
                } else {
                    f64::NAN
                };
                return self.node(at, ExprKind::Number(value));
            }
            "bool" | "offset" | "on" | "ignoring" | "group_left" | "group_right" => {
                return Err(self.no_expression());
            }
            "and" | "or" | "unless" | "by" | "without" if self.mode == Mode::LogCache => {
                return Err(self.no_expression());
            }
            _ => {}
        }
        if let Some(op) = operators::aggregate(&lower, self.mode) {
            let grouped = matches!(self.keyword_at(1).as_deref(), Some("by" | "without"));
            if called || grouped || self.mode == Mode::LogCache {
                self.advance();
                return self.aggregation(at, op);
            }
        }
        if called {
            return self.call(at, word);
        }
        self.advance();
        self.selector(at, Some(word.into()))
    }

    fn call(&mut self, at: Position, name: &str) -> Parsed<Expr> {
        if self.mode == Mode::LogCache {
            self.advance();
        }
        let function = functions::find(name, self.mode)
            .or_else(|| {
                functions::find(&name.to_ascii_lowercase(), self.mode).filter(|known| {
                    // Only those that are keywords too may be written in any case.
                    matches!(known.name, "start" | "end" | "step" | "range")
                })
            })
            .ok_or_else(|| self.fail(format!("unknown function with name {name:?}")))?;
        if self.mode == Mode::Modern {
            self.advance();
        }
        let args = self.arguments("function call")?;
        self.node(at, ExprKind::Call(Call { function, args }))
    }

    fn arguments(&mut self, context: &str) -> Parsed<Vec<Expr>> {
        self.expect("(", context)?;
        let mut args = Vec::new();
        if self.takes(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if !self.takes(",") {
                self.expect(")", context)?;
                return Ok(args);
            }
        }
    }

    fn aggregation(&mut self, at: Position, op: AggregateOp) -> Parsed<Expr> {
        let mut grouping = self.grouping()?;
        let mut args = match self.mode {
            Mode::LogCache => self.aggregated(op)?,
            Mode::Modern => self.arguments("aggregation")?,
        };
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let inner = args.pop();
        let param = args.pop();
        let wanted = if op.takes_param() { 2 } else { 1 };
        let (Some(inner), true, true) =
            (inner, args.is_empty(), param.is_some() == op.takes_param())
        else {
            return Err(self.fail(format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}"
            )));
        };
        let grouping = grouping.unwrap_or(Grouping::By(Vec::new()));
        self.node(
            at,
            ExprKind::Aggregate(Box::new(Aggregate {
                op,
                param,
                inner,
                grouping,
            })),
        )
    }

    /// What 2.13 takes: the parameter where one must be, and one expression.
    fn aggregated(&mut self, op: AggregateOp) -> Parsed<Vec<Expr>> {
        self.expect("(", "aggregation")?;
        let mut args = Vec::new();
        if op.takes_param() {
            args.push(self.expression(0)?);
            self.expect(",", "aggregation")?;
        }
        args.push(self.expression(0)?);
        self.expect(")", "aggregation")?;
        Ok(args)
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let by = self.takes_keyword("by");
        if !by && !self.takes_keyword("without") {
            return Ok(None);
        }
        let labels = self.label_list()?;
        Ok(Some(if by {
            Grouping::By(labels)
        } else {
            Grouping::Without(labels)
        }))
    }

    /// `(a, b)`, as groupings and matchings have it.
    pub(super) fn label_list(&mut self) -> Parsed<Vec<Arc<str>>> {
        self.expect("(", "grouping opts")?;
        let mut labels: Vec<Arc<str>> = Vec::new();
        while !self.takes(")") {
            match self.peek() {
                Token::Word(word) if !word.contains(':') => labels.push(word.as_str().into()),
                Token::Text(name) if self.mode == Mode::Modern && !name.is_empty() => {
                    labels.push(name.as_str().into());
                }
                _ => return Err(self.unexpected("grouping opts", "label")),
            }
            self.advance();
            if !self.takes(",") {
                self.expect(")", "grouping opts")?;
                break;
            }
        }
        Ok(labels)
    }
}
