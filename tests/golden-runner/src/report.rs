//! Runs a directory of cases and says what it found.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::exceptions::{Exceptions, Rule};
use crate::formats::{FORMATS, Format};
use crate::verdict::Verdict;

/// Failures of one file that are printed; the rest is only counted.
const FAILURES_SHOWN: usize = 5;

/// What a directory showed.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each file of a known format.
    pub files: Vec<FileReport>,
    /// Case files whose names are of no known format.
    pub skipped: Vec<String>,
}

/// What a file showed.
#[derive(Debug, Default)]
pub struct FileReport {
    /// Name without its ending.
    pub format: &'static str,
    /// Cases in it.
    pub cases: usize,
    /// Cases with the recorded answer.
    pub same: usize,
    /// Cases with the answer that a rule promises.
    pub excused: BTreeMap<Rule, usize>,
    /// Line, name and difference of the others.
    pub failures: Vec<(usize, String, String)>,
}

impl Report {
    /// True if no case failed and there was at least one.
    pub fn passed(&self) -> bool {
        self.files.iter().any(|file| file.cases > 0)
            && self.files.iter().all(|file| file.failures.is_empty())
    }
}

/// Runs every known file in `dir`.
///
/// # Errors
/// A directory or file that cannot be read. Failed cases are part of the report.
pub fn run(dir: &Path, exceptions: &Exceptions) -> Result<Report> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut report = Report::default();
    for name in names.into_iter().filter(|name| name.ends_with(".jsonl")) {
        let format = FORMATS
            .iter()
            .find(|format| name.strip_suffix(".jsonl") == Some(format.name));
        let Some(format) = format else {
            report.skipped.push(name);
            continue;
        };
        let text = fs::read_to_string(dir.join(&name)).with_context(|| format!("read {name}"))?;
        report.files.push(judge(format, &text, exceptions));
    }
    Ok(report)
}

fn judge(format: &Format, text: &str, exceptions: &Exceptions) -> FileReport {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let lines: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let cases: Vec<&str> = lines.iter().map(|(_, line)| *line).collect();
    let mut file = FileReport {
        format: format.name,
        cases: cases.len(),
        ..Default::default()
    };
    for ((number, line), verdict) in lines.iter().zip((format.judge)(&cases)) {
        let difference = match verdict {
            Verdict::Same => {
                file.same += 1;
                continue;
            }
            Verdict::Excused(rules) => {
                match rules
                    .iter()
                    .find(|rule| !exceptions.covers(**rule, format.name))
                {
                    Some(unlisted) => {
                        format!(
                            "differs as {:?} would have it, which is not listed",
                            unlisted.name()
                        )
                    }
                    None => {
                        for rule in rules {
                            *file.excused.entry(rule).or_default() += 1;
                        }
                        continue;
                    }
                }
            }
            Verdict::Differs(difference) => difference,
        };
        let name = serde_json::from_str(line).map(|named: Named| named.name);
        file.failures
            .push((*number, name.unwrap_or_else(|_| "?".into()), difference));
    }
    file
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            let passed = file.cases - file.failures.len();
            writeln!(
                f,
                "{:<24} {passed:>4} of {:>4} pass",
                file.format, file.cases
            )?;
            for (rule, count) in &file.excused {
                writeln!(f, "    {count:>4} of them differ by rule {}", rule.name())?;
            }
            for (line, name, difference) in file.failures.iter().take(FAILURES_SHOWN) {
                writeln!(f, "    line {line}, {name}: {difference}")?;
            }
            if let Some(more @ 1..) = file.failures.len().checked_sub(FAILURES_SHOWN) {
                writeln!(f, "    and {more} more")?;
            }
        }
        for name in &self.skipped {
            writeln!(f, "{name}: skipped, no format of this name is known")?;
        }
        Ok(())
    }
}
