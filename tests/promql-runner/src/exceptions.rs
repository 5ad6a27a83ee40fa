//! The list of cases that do not pass, and why. It may only shrink.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    exception: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    reason: String,
    lines: Vec<usize>,
}

/// The reason for each listed case, found by script and line.
#[derive(Debug, Default)]
pub struct Exceptions(BTreeMap<(String, usize), String>);

impl Exceptions {
    /// Reads `exceptions.toml`.
    ///
    /// # Errors
    /// A text of another form, a case without a reason, or one that is listed twice.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("not a list of exceptions")?;
        let mut reasons = BTreeMap::new();
        for Entry {
            file,
            reason,
            lines,
        } in file.exception
        {
            if reason.is_empty() {
                bail!("an exception of {file} does not say why");
            }
            for line in lines {
                if reasons
                    .insert((file.clone(), line), reason.clone())
                    .is_some()
                {
                    bail!("{file}:{line} is listed twice");
                }
            }
        }
        Ok(Self(reasons))
    }

    /// Why a case need not pass.
    pub fn reason(&self, file: &str, line: usize) -> Option<&str> {
        self.0.get(&(file.to_owned(), line)).map(String::as_str)
    }

    /// The listed lines of a script.
    pub fn lines<'a>(&'a self, file: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.0
            .keys()
            .filter(move |(listed, _)| listed == file)
            .map(|(_, line)| *line)
    }
}
