//! What came of the scripts.

use std::fmt;

use logweir_cache::promql::Mode;

use crate::{
    case::{Outcome, Verdict},
    exceptions::Exceptions,
};

/// One script's cases.
#[derive(Debug)]
pub struct FileReport {
    /// Directory and file.
    pub name: String,
    /// The mode that it ran in.
    pub mode: Mode,
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed, as the list says.
    pub listed: usize,
    /// Cases out of scope, as the list says.
    pub out_of_scope: usize,
    /// What the list does not say, or says wrongly.
    pub surprises: Vec<String>,
}

impl FileReport {
    /// Holds verdicts against the list.
    pub fn judge(name: String, mode: Mode, verdicts: Vec<Verdict>, listed: &Exceptions) -> Self {
        let mut report = Self {
            name,
            mode,
            passed: 0,
            listed: 0,
            out_of_scope: 0,
            surprises: Vec::new(),
        };
        for line in listed.lines(&report.name) {
            if !verdicts.iter().any(|verdict| verdict.line == line) {
                let name = &report.name;
                report
                    .surprises
                    .push(format!("{name}:{line}: listed, but no case is there"));
            }
        }
        for Verdict {
            line,
            query,
            outcome,
        } in verdicts
        {
            let place = format!("{}:{line}", report.name);
            match (outcome, listed.reason(&report.name, line)) {
                (Outcome::Passed, None) => report.passed += 1,
                (Outcome::Passed, Some(_)) => {
                    report.passed += 1;
                    report
                        .surprises
                        .push(format!("{place}: passes; take it off the list"));
                }
                (Outcome::Failed(_), Some(_)) => report.listed += 1,
                (Outcome::OutOfScope(_), Some(_)) => report.out_of_scope += 1,
                (Outcome::Failed(why), None) => {
                    report.surprises.push(format!("{place}: {query}: {why}"));
                }
                (Outcome::OutOfScope(why), None) => {
                    report
                        .surprises
                        .push(format!("{place}: out of scope, not listed: {why}"));
                }
            }
        }
        report
    }
}

/// All scripts.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each script.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Whether all is as the list says.
    pub fn passed(&self) -> bool {
        self.files.iter().all(|file| file.surprises.is_empty())
    }

    /// Cases that passed in a mode.
    pub fn passed_in(&self, mode: Mode) -> usize {
        self.files
            .iter()
            .filter(|file| file.mode == mode)
            .map(|file| file.passed)
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            for surprise in &file.surprises {
                writeln!(out, "{surprise}")?;
            }
        }
        let columns = ["passed", "failed", "listed", "out of scope"];
        let [passed, failed, listed, beyond] = columns;
        writeln!(
            out,
            "{:44} {passed:>7} {failed:>7} {listed:>7} {beyond:>13}",
            "script"
        )?;
        for file in &self.files {
            let FileReport {
                name,
                passed,
                listed,
                out_of_scope,
                surprises,
                ..
            } = file;
            let failed = surprises.len();
            writeln!(
                out,
                "{name:44} {passed:>7} {failed:>7} {listed:>7} {out_of_scope:>13}"
            )?;
        }
        for (mode, name) in [(Mode::LogCache, "log-cache"), (Mode::Modern, "modern")] {
            let files = || self.files.iter().filter(|file| file.mode == mode);
            let sum = |of: fn(&FileReport) -> usize| files().map(of).sum::<usize>();
            let (passed, listed) = (sum(|file| file.passed), sum(|file| file.listed));
            let failed = sum(|file| file.surprises.len());
            let beyond = sum(|file| file.out_of_scope);
            writeln!(
                out,
                "{name}: {passed} passed, {failed} failed, {listed} listed, {beyond} out of scope"
            )?;
        }
        Ok(())
    }
}
