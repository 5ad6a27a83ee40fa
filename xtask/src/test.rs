//! `cargo xtask test`: what must pass before a change is taken.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{bans, broker, cargo, codegen, counts, fuzz, python, receivers, steps::Steps};

/// Runs the recorded answers.
pub(crate) const GOLDEN: [&str; 5] = ["run", "--quiet", "-p", "logweir-golden", "--"];
/// Where our answer differs on purpose, and by which rule.
pub(crate) const EXCEPTIONS: &str = "tests/golden/exceptions.toml";
/// Runs the PromQL scripts.
pub(crate) const PROMQL: [&str; 5] = ["run", "--quiet", "-p", "logweir-promqltest", "--"];
/// The PromQL cases that do not pass, and why.
pub(crate) const PROMQL_EXCEPTIONS: &str = "tests/promqltest/exceptions.toml";
/// Runs the benchmark.
pub(crate) const BENCH: [&str; 6] = ["run", "--quiet", "--release", "-p", "logweir-bench", "--"];

/// Seconds for each fuzz target: enough to see that it builds and that its corpus and the
/// shallow paths hold.
const SMOKE_SECONDS: u64 = 3;

/// Runs every step.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let mut steps = Steps::default();
    steps.check("receivers", || receivers::check(&target(root)));
    steps.check("Kafka broker", || broker::check(root, &target(root)));
    steps.command("format", cargo().args(["fmt", "--all", "--check"]));
    // The black-box tests and the generated reference need the binary.
    steps.command("build", cargo().args(["build", "--workspace"]));
    // Built once, for all: cargo would build a single package again with the features
    // that it alone asks for.
    let built = target(root).join("debug");
    let binary = built.join("logweir");
    steps.check("generated files", || {
        codegen::run(root, true, Some(&binary))
    });
    steps.check("banned crates", bans::check);
    steps.command(
        "lints",
        cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    );
    let packages = target(root).join("python");
    steps.check("Python packages", || python::install(&packages));
    steps.tests(
        "Rust tests",
        cargo()
            .args(["test", "--workspace", "--no-fail-fast"])
            .env("LOGWEIR_BIN", &binary)
            .env("LOGWEIR_TEST_PYTHON_PACKAGES", &packages),
        counts::rust,
    );
    steps.tests(
        "recorded answers",
        Command::new(built.join("logweir-golden"))
            .arg(root.join("tests/golden"))
            .arg(root.join(EXCEPTIONS)),
        counts::golden,
    );
    steps.check("fuzz targets", || fuzz::run(root, SMOKE_SECONDS, &[]));
    go_tests(&mut steps, root, &binary);
    Ok(match steps.summary() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Modules of their own: a collector brings hundreds of packages, and other versions of what
/// the clients are released with.
const GO_TESTS: [(&str, &str, &str); 2] = [
    ("Go clients: vet", "Go clients", "tests/go"),
    ("OpenTelemetry: vet", "OpenTelemetry", "tests/go/otel"),
];

fn go_tests(steps: &mut Steps, root: &Path, binary: &Path) {
    let go = match go() {
        Ok(go) => go,
        Err(error) => return steps.check("Go clients", || Err(error)),
    };
    for (vet, name, directory) in GO_TESTS {
        let tests = root.join(directory);
        steps.command(
            vet,
            Command::new(&go)
                .args(["vet", "./...", "logweir.test/program"])
                .current_dir(&tests),
        );
        steps.tests(
            name,
            Command::new(&go)
                .args(["test", "-count=1", "-v", "./..."])
                .env("LOGWEIR_BIN", binary)
                .current_dir(&tests),
            counts::go,
        );
    }
}

/// The Go command, from PATH or where its own archive unpacks to.
fn go() -> Result<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .chain([PathBuf::from("/usr/local/go/bin")])
        .map(|dir| dir.join("go"))
        .find(|go| go.is_file())
        .context("the Go tests need Go 1.26 or later: install it from https://go.dev/dl")
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}
