//! Fuzzes every parser that reads a stranger's bytes, on the stable toolchain.
//!
//! libFuzzer is built from source by the `libfuzzer-sys` crate; what `cargo fuzz`
//! would add are the compiler's own coverage passes, which are named here.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Coverage for libFuzzer, without a sanitizer (those need a nightly compiler).
/// Overflow and debug assertions stand in for it, as do the targets' own.
const RUSTFLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Cdebuginfo=1",
];

/// Lines of a failed target's log that are shown.
const LOG_LINES: usize = 60;

/// Builds all targets, then runs those named (none: all) for `seconds` each.
pub(crate) fn run(root: &Path, seconds: u64, wanted: &[String]) -> Result<()> {
    let fuzz = root.join("fuzz");
    let targets = targets(&fuzz)?;
    if let Some(unknown) = wanted.iter().find(|name| !targets.contains(name)) {
        bail!(
            "no fuzz target {unknown:?}: there are {}",
            targets.join(", ")
        );
    }
    // A target triple of its own keeps the flags away from build scripts.
    let triple = host()?;
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--bins",
            "--target",
            &triple,
            "--manifest-path",
        ])
        .arg(fuzz.join("Cargo.toml"))
        .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .context("start cargo")?;
    ensure!(status.success(), "the fuzz targets do not build");
    let binaries = fuzz.join("target").join(&triple).join("release");
    for target in targets
        .iter()
        .filter(|name| wanted.is_empty() || wanted.contains(name))
    {
        let corpus = fuzz.join("corpus").join(target);
        let artifacts = fuzz.join("artifacts").join(target);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&artifacts)?;
        let run = Command::new(binaries.join(target))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args([
                "-max_len=4096",
                "-rss_limit_mb=1024",
                "-timeout=10",
                "-print_final_stats=1",
            ])
            .arg(&corpus)
            .args(seeds(&fuzz, target))
            .output()
            .with_context(|| format!("start {target}"))?;
        let log = String::from_utf8_lossy(&run.stderr);
        if !run.status.success() {
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            bail!(
                "{target} failed; the input is in {}\n{tail}",
                artifacts.display()
            );
        }
        let stat = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(name));
            line.map_or("?", |value| value.trim_start_matches(':').trim())
        };
        let runs = stat("stat::number_of_executed_units");
        let memory = stat("stat::peak_rss_mb");
        ensure!(
            !log.contains("Is the code instrumented"),
            "{target} reports no coverage"
        );
        writeln!(
            std::io::stdout(),
            "{target:<16} {runs:>10} runs, {memory} MB at most, no crash"
        )?;
    }
    Ok(())
}

/// Names of the targets: the files that hold them.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let dir = fuzz.join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("read {}", dir.display()))? {
        let path = entry?.path();
        if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// A directory of committed inputs to start from, if the target has one.
fn seeds(fuzz: &Path, target: &str) -> Option<PathBuf> {
    Some(fuzz.join("seeds").join(target)).filter(|dir| dir.is_dir())
}

/// The triple of this machine.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}
