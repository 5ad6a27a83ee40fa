//! The sources that a PromQL query asks for, found in its text and replaced there: nothing
//! else of what the user wrote changes, except that comments go.
//!
//! Matchers of labels stand in braces, and only they do; so it takes the lexical rules of
//! PromQL to find them and no more. What is left for the gateway to refuse reads nothing,
//! because every source in the text was put there by [`Query::with`].

use std::ops::Range;

/// Most sources of one query: each may cost a call of the cloud controller.
const MOST: usize = 1000;

/// Why a query is not looked at further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A text has no end.
    #[error("parse error: unterminated quoted string")]
    OpenString,
    /// An escape of a text is none.
    #[error("parse error: unknown escape sequence in a quoted string")]
    Escape,
    /// Braces have no end.
    #[error("parse error: unexpected end of input inside braces")]
    OpenBraces,
    /// There is something in braces that is no list of matchers.
    #[error("parse error: unexpected {0:?} inside braces, expected label matchers")]
    Braces(String),
    /// A closing brace without an opening one.
    #[error("parse error: unexpected \"}}\"")]
    Closing,
    /// It names no source.
    #[error("query does not request any source_ids")]
    NoSource,
    /// It names too many.
    #[error("query requests more than {MOST} source_ids")]
    TooMany,
}

/// A matcher of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Matcher {
    /// Where its operator and value lie in the text.
    at: Range<usize>,
    /// What it asks for.
    sources: Vec<String>,
}

/// A query.
#[derive(Debug)]
pub struct Query {
    /// Without comments.
    text: String,
    matchers: Vec<Matcher>,
}

impl Query {
    /// Finds the sources.
    ///
    /// # Errors
    /// [`QueryError`]; also if there is no source.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut scanner = Scanner::new(text);
        let mut matchers = Vec::new();
        while let Some(token) = scanner.next()? {
            match token {
                Token::Sign('{') => scanner.braces(&mut matchers)?,
                Token::Sign('}') => return Err(QueryError::Closing),
                Token::Sign(_) | Token::Word(_) | Token::Text(_) => {}
            }
        }
        match matchers.iter().map(|found| found.sources.len()).sum() {
            0 => Err(QueryError::NoSource),
            1..=MOST => Ok(Self {
                text: scanner.out,
                matchers,
            }),
            _ => Err(QueryError::TooMany),
        }
    }

    /// Every source, each once, in order.
    pub fn sources(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for source in self.matchers.iter().flat_map(|found| &found.sources) {
            if !all.contains(&source.as_str()) {
                all.push(source);
            }
        }
        all
    }

    /// The query with each source replaced by others. None if one of its matchers is left
    /// without any.
    pub fn with(&self, members: impl Fn(&str) -> Vec<String>) -> Option<String> {
        let mut text = String::with_capacity(self.text.len());
        let mut end = 0;
        for Matcher { at, sources } in &self.matchers {
            let mut all: Vec<String> = Vec::new();
            for member in sources.iter().flat_map(|source| members(source)) {
                if !all.contains(&member) {
                    all.push(member);
                }
            }
            text.push_str(&self.text[end..at.start]);
            text.push_str(&matcher(all)?);
            end = at.end;
        }
        text.push_str(&self.text[end..]);
        Some(text)
    }
}

/// Operator and value of a matcher of these sources.
fn matcher(mut sources: Vec<String>) -> Option<String> {
    if let [only] = &sources[..] {
        return Some(format!("={}", quoted(only)));
    }
    // Nodes split the value at each bar: such an id would be taken for others.
    sources.retain(|source| !source.contains('|'));
    match &sources[..] {
        [] => None,
        [only] => Some(format!("={}", quoted(only))),
        several => Some(format!("=~{}", quoted(&several.join("|")))),
    }
}

/// A text of PromQL.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

enum Token {
    /// A name, a number, or what else is made of letters.
    Word(String),
    /// A text, without quotes and escapes.
    Text(String),
    /// Any other character that is no white space.
    Sign(char),
}

/// The unread rest of a query, and what was read of it.
struct Scanner<'a> {
    rest: &'a str,
    out: String,
    /// Where the last token starts in `out`.
    start: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            out: String::with_capacity(text.len()),
            start: 0,
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.out.push_str(taken);
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Result<Option<Token>, QueryError> {
        let first = loop {
            let Some(first) = self.rest.chars().next() else {
                return Ok(None);
            };
            if first == '#' {
                let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            } else if first.is_whitespace() {
                self.take(first.len_utf8());
            } else {
                break first;
            }
        };
        self.start = self.out.len();
        if matches!(first, '"' | '\'' | '`') {
            return self.text(first).map(Some);
        }
        let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':' | '.');
        if is_word(first) {
            let end = self.rest.find(|letter| !is_word(letter));
            let word = self.take(end.unwrap_or(self.rest.len()));
            return Ok(Some(Token::Word(word.to_owned())));
        }
        self.take(first.len_utf8());
        Ok(Some(Token::Sign(first)))
    }

    fn text(&mut self, quote: char) -> Result<Token, QueryError> {
        let mut escaped = false;
        let raw = quote == '`';
        let inner = &self.rest[1..];
        let end = inner.char_indices().find(|(_, letter)| {
            let ends = *letter == quote && !escaped;
            escaped = !raw && *letter == '\\' && !escaped;
            ends
        });
        let (end, _) = end.ok_or(QueryError::OpenString)?;
        let inner = &inner[..end];
        self.take(end + 2);
        let text = match raw {
            true => inner.to_owned(),
            false => unescaped(inner).ok_or(QueryError::Escape)?,
        };
        Ok(Token::Text(text))
    }

    /// Reads matchers to the closing brace.
    fn braces(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), QueryError> {
        loop {
            let label = match self.within()? {
                Token::Sign('}') => return Ok(()),
                Token::Word(label) | Token::Text(label) => label,
                Token::Sign(sign) => return Err(QueryError::Braces(sign.into())),
            };
            let mut at = self.out.len()..self.out.len();
            let operator = match self.within()? {
                // A quoted name of a metric stands alone.
                Token::Sign(',') => continue,
                Token::Sign('}') => return Ok(()),
                Token::Sign(sign @ ('=' | '!')) => {
                    at.start = self.start;
                    let second = self.rest.chars().next();
                    match (sign, second) {
                        (_, Some('~')) | ('!', Some('=')) => {
                            self.take(1);
                        }
                        ('=', _) => {}
                        _ => return Err(QueryError::Braces(sign.into())),
                    }
                    self.out[self.start..].to_owned()
                }
                Token::Sign(sign) => return Err(QueryError::Braces(sign.into())),
                Token::Word(word) | Token::Text(word) => return Err(QueryError::Braces(word)),
            };
            let value = match self.within()? {
                Token::Text(value) => value,
                Token::Word(word) => return Err(QueryError::Braces(word)),
                Token::Sign(sign) => return Err(QueryError::Braces(sign.into())),
            };
            at.end = self.out.len();
            if label == "source_id" {
                let sources = match operator.as_str() {
                    "=" => vec![value],
                    "=~" => value.split('|').map(str::to_owned).collect(),
                    _ => Vec::new(),
                };
                if !sources.is_empty() {
                    matchers.push(Matcher { at, sources });
                }
            }
            match self.within()? {
                Token::Sign(',') => {}
                Token::Sign('}') => return Ok(()),
                Token::Sign(sign) => return Err(QueryError::Braces(sign.into())),
                Token::Word(word) | Token::Text(word) => return Err(QueryError::Braces(word)),
            }
        }
    }

    fn within(&mut self) -> Result<Token, QueryError> {
        self.next()?.ok_or(QueryError::OpenBraces)
    }
}

/// A text without its escapes, which are Go's.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let kind = rest[at + 1..].chars().next()?;
        let after = &rest[at + 1 + kind.len_utf8()..];
        let number = |text: &str, radix| u32::from_str_radix(text, radix).ok();
        let (digits, radix) = match kind {
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='7' => (2, 8),
            _ => (0, 0),
        };
        let digits = after.get(..digits)?;
        match kind {
            'x' => bytes.push(u8::try_from(number(digits, radix)?).ok()?),
            '0'..='7' => {
                let octal = format!("{kind}{digits}");
                bytes.push(u8::try_from(number(&octal, radix)?).ok()?);
            }
            'u' | 'U' => {
                let letter = char::from_u32(number(digits, radix)?)?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' | '"' | '\'' => bytes.push(u8::try_from(kind).ok()?),
            _ => return None,
        }
        rest = &after[digits.len()..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
