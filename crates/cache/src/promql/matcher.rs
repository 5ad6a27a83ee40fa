//! Label matchers: `=`, `!=`, `=~`, `!~`.

use std::{fmt, sync::Arc};

use regex::{Regex, RegexBuilder};

/// Memory that one compiled expression may take; a larger one is refused.
const REGEX_BYTES: usize = 4 << 20;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// A condition on one label. An absent label has the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label.
    pub name: Arc<str>,
    /// How it is compared.
    pub op: MatchOp,
    /// What it is compared with: a value, or an expression that must match the whole value.
    pub value: Arc<str>,
    regex: Option<Regex>,
}

impl Matcher {
    /// A matcher; the error says why an expression cannot be used.
    pub fn new(
        name: impl Into<Arc<str>>,
        op: MatchOp,
        value: impl Into<Arc<str>>,
    ) -> Result<Self, regex::Error> {
        let value = value.into();
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(&value)?),
        };
        Ok(Self {
            name: name.into(),
            op,
            value,
            regex,
        })
    }

    /// A matcher of one exact value.
    pub fn equal(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            regex: None,
        }
    }

    /// Whether a label of this value is taken.
    pub fn matches(&self, value: &str) -> bool {
        let found = || {
            self.regex
                .as_ref()
                .is_some_and(|regex| regex.is_match(value))
        };
        match self.op {
            MatchOp::Equal => *self.value == *value,
            MatchOp::NotEqual => *self.value != *value,
            MatchOp::Regex => found(),
            MatchOp::NotRegex => !found(),
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        })
    }
}

/// An expression that must match a whole text, line ends included.
///
/// RE2 takes a brace that starts no repetition as itself (`a{b}`), the `regex` crate does
/// not: such an expression is tried again with those braces escaped.
pub fn anchored(expression: &str) -> Result<Regex, regex::Error> {
    compile(expression).or_else(|error| {
        let escaped = escape_literal_braces(expression);
        compile(&escaped).map_err(|_| error)
    })
}

fn compile(expression: &str) -> Result<Regex, regex::Error> {
    let build = |text: &str| {
        let mut builder = RegexBuilder::new(text);
        builder
            .dot_matches_new_line(true)
            .size_limit(REGEX_BYTES)
            .build()
    };
    // It must stand without its frame too: `a)|(b` would close ours.
    if expression.contains(')') {
        build(expression)?;
    }
    build(&format!("^(?:{expression})$"))
}

fn escape_literal_braces(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 4);
    let mut escaped = false;
    for (at, ch) in expression.char_indices() {
        if ch == '{' && !escaped && !is_repetition(expression.get(at + 1..).unwrap_or_default()) {
            out.push('\\');
        }
        escaped = ch == '\\' && !escaped;
        out.push(ch);
    }
    out
}

/// Whether what follows a `{` makes it a repetition: `3}`, `3,}`, `3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else {
        return false;
    };
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_the_whole_value() {
        let matcher = Matcher::new("a", MatchOp::Regex, "x|y.").unwrap();
        assert!(matcher.matches("x") && matcher.matches("y\n"));
        assert!(!matcher.matches("xx") && !matcher.matches(""));
        let not = Matcher::new("a", MatchOp::NotRegex, "x").unwrap();
        assert!(not.matches("") && !not.matches("x"));
    }

    #[test]
    fn braces_are_read_as_re2_reads_them() {
        assert!(anchored("a{b}").unwrap().is_match("a{b}"));
        assert!(anchored("a{2}").unwrap().is_match("aa"));
    }

    #[test]
    fn an_expression_cannot_close_our_frame() {
        assert!(anchored("a)|(b").is_err());
        assert!(anchored("(a").is_err());
    }
}
