//! `logweir-golden DIR EXCEPTIONS`: runs every known file of cases in DIR.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use logweir_golden::exceptions::Exceptions;

fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), Some(exceptions), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("usage: logweir-golden DIR EXCEPTIONS");
    };
    let text = std::fs::read_to_string(&exceptions)
        .with_context(|| format!("read {}", exceptions.display()))?;
    let exceptions = Exceptions::parse(&text)?;
    let report = logweir_golden::run(&dir, &exceptions)?;
    write!(std::io::stdout().lock(), "{report}")?;
    if report.files.is_empty() {
        anyhow::bail!("no file of a known format in {}", dir.display());
    }
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
