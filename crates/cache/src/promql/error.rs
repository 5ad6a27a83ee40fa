//! What can be wrong with a query, in the words that Prometheus's users know.

use super::{Mode, limits::Interrupt, series::ReadError};

/// A text that is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Line of the offending token, from 1.
    pub line: usize,
    /// Its place in the line in bytes, from 1.
    pub column: usize,
    /// Whether the text has one line only.
    pub single_line: bool,
    /// Whose words are used.
    pub mode: Mode,
}

impl std::fmt::Display for ParseError {
    /// 2.13: `parse error at char 3: …` or `parse error at line 2, char 3: …`;
    /// 3: `1:3: parse error: …`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            message,
            line,
            column,
            ..
        } = self;
        match self.mode {
            Mode::Modern => write!(out, "{line}:{column}: parse error: {message}"),
            Mode::LogCache if self.single_line => {
                write!(out, "parse error at char {column}: {message}")
            }
            Mode::LogCache => write!(out, "parse error at line {line}, char {column}: {message}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The data and the query do not go together, such as two matches where one may be.
    #[error("{0}")]
    Execution(String),
    /// The reader failed, and said so.
    #[error("{0}")]
    Read(String),
    /// The query needs more samples or bytes than it may have.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The query asks for more points than it may.
    #[error(
        "exceeded maximum resolution of {limit} points per timeseries. Try decreasing the query resolution (?step=XX)"
    )]
    TooManySteps {
        /// The most there may be.
        limit: usize,
    },
    /// The step of a range is not positive, or its end lies before its start.
    #[error("{0}")]
    Range(&'static str),
    /// The deadline passed.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// Who asked has gone.
    #[error("query was canceled in expression evaluation")]
    Canceled,
}

impl From<ReadError> for EvalError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed(why) => Self::Read(why),
            ReadError::TooManySamples => Self::TooManySamples,
            ReadError::Interrupted(Interrupt::Timeout) => Self::Timeout,
            ReadError::Interrupted(Interrupt::Canceled) => Self::Canceled,
        }
    }
}

impl EvalError {
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }

    /// Two series of a result have the same labels.
    pub(crate) fn same_labelset() -> Self {
        Self::execution("vector cannot contain metrics with the same labelset")
    }
}
