//! The tokens of a query and how far they were read.

use super::lexer::{self, Placed, Token};
use crate::promql::{Mode, ast::Position};

/// A failure at a token or at an offset.
pub(super) struct Failure {
    pub(super) at: usize,
    pub(super) message: String,
}

pub(super) type Parsed<T> = Result<T, Failure>;

/// The tokens of a text and how far they were read.
pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) mode: Mode,
    tokens: Vec<Placed>,
    next: usize,
    /// How deep the parser is in expressions.
    pub(super) nesting: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, mode: Mode) -> Self {
        let tokens = lexer::tokens(text, mode);
        Self {
            text,
            mode,
            tokens,
            next: 0,
            nesting: 0,
        }
    }

    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens
            .get(self.next + ahead)
            .map_or(&Token::End, |placed| &placed.token)
    }

    /// Where the next token starts, in bytes.
    pub(super) fn start(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.len(), |placed| placed.start)
    }

    /// The line and column where the next token starts.
    pub(super) fn position(&self) -> Position {
        self.tokens
            .get(self.next)
            .map_or_else(Position::default, |placed| placed.at)
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(super) fn fail(&self, message: impl Into<String>) -> Failure {
        Failure {
            at: self.start(),
            message: message.into(),
        }
    }

    /// A failure at the token that was read last.
    pub(super) fn fail_behind(&self, message: impl Into<String>) -> Failure {
        let last = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        let at = last.map_or(0, |placed| placed.start);
        Failure {
            at,
            message: message.into(),
        }
    }

    /// `unexpected ")" in CONTEXT, expected WHAT`; either may be empty.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> Failure {
        let written = self
            .tokens
            .get(self.next)
            .map_or("", |placed| placed.text.as_str());
        let mut message = match self.peek() {
            Token::End => "unexpected end of input".to_owned(),
            Token::Number(_) => format!("unexpected number {written:?}"),
            Token::Duration(_) => format!("unexpected duration {written:?}"),
            Token::Text(_) => format!("unexpected string {written}"),
            Token::Word(_) => format!("unexpected identifier {written:?}"),
            Token::Sign(_) => self.name_sign(written),
            Token::Bad(why) => return self.fail(why.clone()),
        };
        for (before, text) in [(" in ", context), (", expected ", expected)] {
            if !text.is_empty() {
                message = message + before + text;
            }
        }
        self.fail(message)
    }

    /// 2.13 sets operators apart.
    fn name_sign(&self, sign: &str) -> String {
        let bracket = matches!(sign, "(" | ")" | "{" | "}" | "[" | "]" | "," | ":");
        match self.mode {
            Mode::LogCache if !bracket => format!("unexpected <op:{sign}>"),
            _ => format!("unexpected {sign:?}"),
        }
    }

    /// Nothing that an expression may start with.
    pub(super) fn no_expression(&self) -> Failure {
        match (self.mode, self.peek()) {
            (Mode::LogCache, Token::Bad(why)) => self.fail(why.clone()),
            (Mode::LogCache, _) => self.fail("no valid expression found"),
            (Mode::Modern, _) => self.unexpected("", ""),
        }
    }

    /// Takes a sign if it is next.
    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Sign(have) if *have == sign);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, sign: &str, context: &str) -> Parsed<()> {
        match self.takes(sign) {
            true => Ok(()),
            false => Err(self.unexpected(context, &format!("{sign:?}"))),
        }
    }

    /// The next word in lower case, if a word is next: keywords have no case.
    pub(super) fn keyword(&self) -> Option<String> {
        self.keyword_at(0)
    }

    pub(super) fn keyword_at(&self, ahead: usize) -> Option<String> {
        match self.peek_at(ahead) {
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    pub(super) fn takes_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.keyword().as_deref() == Some(keyword);
        self.next += usize::from(is_next);
        is_next
    }
}
