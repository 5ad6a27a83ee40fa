//! `logweir-promqltest DIR EXCEPTIONS`: runs every script in DIR.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use logweir_promqltest::exceptions::Exceptions;

fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), Some(exceptions), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("usage: logweir-promqltest DIR EXCEPTIONS");
    };
    let text = std::fs::read_to_string(&exceptions)
        .with_context(|| format!("read {}", exceptions.display()))?;
    let report = logweir_promqltest::run(&dir, &Exceptions::parse(&text)?)?;
    write!(std::io::stdout().lock(), "{report}")?;
    if report.files.is_empty() {
        anyhow::bail!("no script in {}", dir.display());
    }
    Ok(match report.passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
