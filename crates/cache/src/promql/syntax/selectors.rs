//! Selectors: a name, braces, and conditions in them.

use std::sync::Arc;

use super::{
    cursor::{Parsed, Parser},
    lexer::Token,
    types,
};
use crate::promql::{
    Mode,
    ast::{Expr, ExprKind, Position, Selector, Shift},
    labels::METRIC_NAME,
    matcher::{MatchOp, Matcher},
};

impl Parser<'_> {
    /// A selector whose name, if it has one, was read already.
    pub(super) fn selector(&mut self, at: Position, name: Option<Arc<str>>) -> Parsed<Expr> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                matchers.push(self.matcher()?);
                if !self.takes(",") {
                    self.expect("}", "label matching")?;
                    break;
                }
            }
        }
        if let Some(name) = &name {
            let again = matchers
                .iter()
                .find(|matcher: &&Matcher| &*matcher.name == METRIC_NAME);
            if let Some(again) = again {
                let message = format!(
                    "metric name must not be set twice: {name:?} or {:?}",
                    again.value
                );
                return Err(self.fail(message));
            }
            matchers.push(Matcher::equal(METRIC_NAME, name.clone()));
        }
        // 2.13 tells at once, Prometheus 3 when all is read: `info` may have such a selector.
        let unbounded = matchers.iter().all(|matcher| matcher.matches(""));
        if self.mode == Mode::LogCache && unbounded {
            return Err(self.fail_behind(match matchers.is_empty() {
                true => "vector selector must contain label matchers or metric name",
                false => types::UNBOUNDED,
            }));
        }
        let selector = Selector {
            name,
            matchers,
            shift: Shift::default(),
            smoothed: false,
        };
        self.node(at, ExprKind::Selector(selector))
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let name: Arc<str> = match self.peek().clone() {
            Token::Word(word) if !word.contains(':') => word.into(),
            Token::Text(name) if self.mode == Mode::Modern => {
                let names_metric = matches!(self.peek_at(1), Token::Sign("," | "}"));
                if names_metric {
                    self.advance();
                    return Ok(Matcher::equal(METRIC_NAME, name));
                }
                name.into()
            }
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        self.advance();
        let op = match self.peek() {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            Token::Sign(sign) if self.mode == Mode::LogCache => {
                return Err(self.fail(format!("expected label matching operator but got {sign}")));
            }
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance();
        let Token::Text(value) = self.peek().clone() else {
            return Err(self.unexpected("label matching", "string"));
        };
        let matcher = Matcher::new(name, op, value).map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().to_owned();
            self.fail(format!(
                "error parsing regexp: {}",
                last.trim_start_matches("error: ")
            ))
        })?;
        self.advance();
        Ok(matcher)
    }
}
