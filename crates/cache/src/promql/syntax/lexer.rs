//! Tokens of a query.

use super::{durations, numbers, strings};
use crate::promql::{Mode, ast::Position};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number, `Inf` and `NaN` excepted: those are words.
    Number(f64),
    /// A duration in seconds.
    Duration(f64),
    /// A quoted text.
    Text(String),
    /// A name or a keyword.
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// What cannot be a token, and why; the last one.
    Bad(String),
    /// The end of the text.
    End,
}

/// A token and where it starts.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) at: Position,
    /// As it is written.
    pub(super) text: String,
}

/// Longest first, so that the first that fits is the one meant.
const SIGNS: [&str; 24] = [
    "=~", "!~", "!=", "==", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "+", "-", "*", "/", "%",
    "^", "<", ">", "=", "@", ":",
];

/// Those that stand between braces.
const IN_BRACES: [&str; 6] = ["=~", "!~", "!=", "=", ",", "}"];

/// All tokens of a text, the last of which is [`Token::End`] or [`Token::Bad`].
pub(super) fn tokens(text: &str, mode: Mode) -> Vec<Placed> {
    let mut lexer = Lexer {
        mode,
        braces: false,
        brackets: false,
        parens: 0,
        duration: false,
        optional: false,
    };
    let mut found = Vec::new();
    let (mut start, mut at) = (0, Position { line: 1, column: 1 });
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let first = rest.chars().next();
        let blank = match first {
            Some('#') => rest.find('\n').unwrap_or(rest.len()),
            Some(first) => usize::from(first.is_ascii_whitespace()),
            None => 0,
        };
        if blank > 0 {
            advance(&mut start, &mut at, rest.get(..blank).unwrap_or_default());
            continue;
        }
        let (token, length) = match first {
            None => lexer.end().map(|token| (token, 0)),
            Some(first) => lexer.token(rest, first),
        }
        .unwrap_or_else(|message| (Token::Bad(message), rest.len()));
        let is_last = matches!(token, Token::Bad(_) | Token::End);
        lexer.note(&token);
        let written = rest.get(..length).unwrap_or_default();
        found.push(Placed {
            token,
            start,
            at,
            text: written.to_owned(),
        });
        if is_last {
            return found;
        }
        advance(&mut start, &mut at, written);
    }
}

/// Goes on behind what was read.
fn advance(start: &mut usize, at: &mut Position, read: &str) {
    *start += read.len();
    match read.rfind('\n') {
        None => at.column += read.len(),
        Some(last) => {
            at.line += read.matches('\n').count();
            at.column = read.len() - last;
        }
    }
}

/// What decides how the next token is read.
struct Lexer {
    mode: Mode,
    braces: bool,
    brackets: bool,
    parens: usize,
    /// 2.13: a duration must come.
    duration: bool,
    /// Unless the brackets end here.
    optional: bool,
}

impl Lexer {
    fn note(&mut self, token: &Token) {
        (self.duration, self.optional) = (false, false);
        match token {
            Token::Sign("{") => self.braces = true,
            Token::Sign("}") => self.braces = false,
            Token::Sign("[") => (self.brackets, self.duration) = (true, true),
            Token::Sign(":") => (self.duration, self.optional) = (true, true),
            Token::Sign("]") => self.brackets = false,
            Token::Sign("(") => self.parens += 1,
            Token::Sign(")") => self.parens = self.parens.saturating_sub(1),
            _ => {}
        }
    }

    fn end(&self) -> Result<Token, String> {
        match self.mode {
            _ if self.braces => Err("unexpected end of input inside braces".to_owned()),
            Mode::LogCache if self.duration => Err("missing unit character in duration".to_owned()),
            Mode::LogCache if self.parens > 0 => Err("unclosed left parenthesis".to_owned()),
            Mode::LogCache if self.brackets => Err("unclosed left bracket".to_owned()),
            Mode::Modern if self.parens > 0 => Err("unclosed left parenthesis".to_owned()),
            _ => Ok(Token::End),
        }
    }

    fn token(&self, rest: &str, first: char) -> Result<(Token, usize), String> {
        let second = rest.chars().nth(1).unwrap_or_default();
        if self.duration && self.mode == Mode::LogCache && !(self.optional && first == ']') {
            return durations::of_2_13(rest);
        }
        let digit = first.is_ascii_digit() || (first == '.' && second.is_ascii_digit());
        if digit && !self.braces {
            return match self.mode {
                Mode::LogCache => numbers::of_2_13(rest),
                Mode::Modern => numbers::number_or_duration(rest),
            };
        }
        if matches!(first, '"' | '\'' | '`') {
            let (value, length) = strings::unquote(rest)?;
            return Ok((Token::Text(value), length));
        }
        // Inside of brackets a colon parts the range of a subquery from its step; labels
        // have none.
        let colon = |ch: char| ch == ':' && !self.brackets && !self.braces;
        if first == '_' || first.is_ascii_alphabetic() || colon(first) {
            let part = |ch: char| ch == '_' || ch.is_ascii_alphanumeric() || colon(ch);
            let length = rest.find(|ch| !part(ch)).unwrap_or(rest.len());
            return Ok((
                Token::Word(rest.get(..length).unwrap_or_default().to_owned()),
                length,
            ));
        }
        let mut signs = SIGNS
            .iter()
            .filter(|sign| !self.braces || IN_BRACES.contains(sign));
        let sign = signs.find(|sign| rest.starts_with(**sign));
        match sign {
            Some(&("}" | "@")) if !self.braces && self.is_unknown(first) => {}
            Some(sign) => return Ok((Token::Sign(sign), sign.len())),
            None => {}
        }
        Err(match (self.braces, first) {
            (true, '{') => "unexpected left brace '{'".to_owned(),
            (true, '!') => format!("unexpected character after '!' inside braces: {second:?}"),
            (true, first) => format!("unexpected character inside braces: {first:?}"),
            (false, '!') => format!("unexpected character after '!': {second:?}"),
            (false, first) => format!("unexpected character: {first:?}"),
        })
    }

    /// A closing brace closes nothing outside of braces; `@` came later than 2.13.
    fn is_unknown(&self, first: char) -> bool {
        first == '}' || self.mode == Mode::LogCache
    }
}

/// The line and the byte in it, both from 1, of an offset.
pub(super) fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.len() - line_start + 1,
    }
}
