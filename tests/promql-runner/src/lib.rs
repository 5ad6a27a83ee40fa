//! Runs the `.test` scripts of Prometheus (`promql/promqltest`) through our evaluator: the
//! gate of both modes. The scripts are data of theirs, the runner is ours.
//!
//! A directory of scripts named after a version 2 runs in `log-cache` mode, any other in
//! `modern` mode. Each `eval` is a case: it passes, fails, or is out of scope because it
//! looks at native histograms or at start timestamps, which no envelope carries.

pub mod case;
pub mod exceptions;
pub mod points;
pub mod report;
pub mod script;
pub mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use logweir_cache::promql::Mode;

use crate::{
    exceptions::Exceptions,
    report::{FileReport, Report},
};

/// Runs all scripts of a directory and of the directories in it.
///
/// # Errors
/// A directory or a script that cannot be read, or a script that is not understood.
pub fn run(dir: &Path, exceptions: &Exceptions) -> Result<Report> {
    let mut report = Report::default();
    for path in scripts(dir)? {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let folder = folder.to_string_lossy();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{folder}/{file}");
        let mode = match folder.starts_with("v2") {
            true => Mode::LogCache,
            false => Mode::Modern,
        };
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let verdicts = case::run_script(&text, mode).with_context(|| format!("run {name}"))?;
        report
            .files
            .push(FileReport::judge(name, mode, verdicts, exceptions));
    }
    Ok(report)
}

fn scripts(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(scripts(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "test")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
