//! What a case shows.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use crate::exceptions::Rule;

/// The outcome of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Our answer is the recorded one.
    Same,
    /// Our answer is another one: exactly what these rules promise.
    Excused(Vec<Rule>),
    /// Our answer is another one, for no reason that we know.
    Differs(String),
}

impl Verdict {
    /// Compares two answers as they print, so that NaN is equal to itself.
    pub(crate) fn of<T: std::fmt::Debug>(got: &T, expected: &T) -> Self {
        let (got, expected) = (format!("{got:?}"), format!("{expected:?}"));
        if got == expected {
            Verdict::Same
        } else {
            Verdict::Differs(format!("expected {expected}\n         got {got}"))
        }
    }
}

/// Judges every line of a file; a line that is no case of this format differs.
pub(crate) fn each<C: DeserializeOwned>(
    lines: &[&str],
    judge: impl Fn(C) -> Result<Verdict>,
) -> Vec<Verdict> {
    each_with(lines, || Ok(()), |(), case| judge(case))
}

/// As [`each`], with something that is started once for all lines.
pub(crate) fn each_with<R, C: DeserializeOwned>(
    lines: &[&str],
    start: impl FnOnce() -> Result<R>,
    judge: impl Fn(&R, C) -> Result<Verdict>,
) -> Vec<Verdict> {
    let failed = |error: anyhow::Error| Verdict::Differs(format!("{error:#}"));
    let rig = match start() {
        Ok(rig) => rig,
        Err(error) => {
            let failure = failed(error);
            return vec![failure; lines.len()];
        }
    };
    let judged = lines.iter().map(|line| {
        let case = serde_json::from_str(line).context("not a case of this format")?;
        judge(&rig, case)
    });
    judged
        .map(|verdict| verdict.unwrap_or_else(failed))
        .collect()
}
