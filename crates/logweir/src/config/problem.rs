//! What is wrong with a configuration, in one line.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, and the line when it is known (from 1).
    File(PathBuf, Option<usize>),
    /// An environment variable.
    Variable(String),
    /// Nobody set it.
    Default,
}

/// One reason why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where the value was set.
    pub(crate) origin: Origin,
    /// The key, `router.queue.bytes`; empty when the whole file is meant.
    pub(crate) key: String,
    /// What is wrong and what would be right.
    pub(crate) reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(file, Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            Origin::File(file, None) => write!(f, "{}: ", file.display())?,
            Origin::Variable(name) => write!(f, "{name}: ")?,
            Origin::Default => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        // Reasons come from parsers too, and one line is the promise.
        let mut lines = self.reason.lines().map(str::trim);
        f.write_str(lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "; {line}"))
    }
}

/// Every reason, most telling first. Never empty.
#[derive(Debug, thiserror::Error)]
pub(crate) struct ConfigError(pub(crate) Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.0.first() {
            write!(f, "{first}")?;
        }
        match self.0.len() {
            0 | 1 => Ok(()),
            more => write!(f, " (and {} more: logweir config check)", more - 1),
        }
    }
}
