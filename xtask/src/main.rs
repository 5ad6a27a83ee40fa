//! The commands of the repository: `cargo xtask COMMAND`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command as Process, ExitCode},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

mod bans;
mod broker;
mod codegen;
mod counts;
mod fuzz;
mod python;
mod receivers;
mod steps;
mod test;

#[derive(Parser)]
#[command(about = "The commands of the Logweir repository")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must pass before a change is taken
    Test,
    /// Unpack what tests use: rsyslog, syslog-ng, nginx and Redis from Debian's packages, Kafka by Maven
    Receivers,
    /// Generate the wire types and docs/configuration.md
    Codegen {
        /// Write nothing; fail where a generated file is stale
        #[arg(long)]
        check: bool,
    },
    /// Run recorded answers of the original implementation through our code
    Golden {
        /// Directory of case files
        #[arg(default_value = "tests/golden")]
        dir: PathBuf,
    },
    /// Run Prometheus's own PromQL test scripts through our evaluator
    Promqltest {
        /// Directory of scripts, in directories named after their version
        #[arg(default_value = "tests/promqltest")]
        dir: PathBuf,
    },
    /// Feed strange bytes to every parser of a stranger's bytes
    Fuzz {
        /// Targets; all when none is named
        targets: Vec<String>,
        /// Seconds for each target
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Measure: load generator and side-by-side cases (`cargo xtask bench --help`)
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// The cargo that runs us.
fn cargo() -> Process {
    let mut cargo = Process::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

fn main() -> Result<ExitCode> {
    match Args::parse().command {
        Command::Test => test::run(&root()),
        Command::Receivers => {
            let target = test::target(&root());
            receivers::fetch(&target)?;
            broker::fetch(&root(), &target).map(|()| ExitCode::SUCCESS)
        }
        Command::Codegen { check } => {
            codegen::run(&root(), check, None).map(|()| ExitCode::SUCCESS)
        }
        Command::Golden { dir } => {
            let dir = std::path::absolute(dir)?;
            forward(cargo().args(test::GOLDEN).arg(dir).arg(test::EXCEPTIONS))
        }
        Command::Promqltest { dir } => {
            let dir = std::path::absolute(dir)?;
            forward(
                cargo()
                    .args(test::PROMQL)
                    .arg(dir)
                    .arg(test::PROMQL_EXCEPTIONS),
            )
        }
        Command::Fuzz { targets, seconds } => {
            fuzz::run(&root(), seconds, &targets).map(|()| ExitCode::SUCCESS)
        }
        Command::Bench { args } => {
            // What is measured is the release build.
            let built = forward(cargo().args(["build", "--release", "-p", "logweir"]))?;
            if built != ExitCode::SUCCESS {
                return Ok(built);
            }
            forward(cargo().args(test::BENCH).args(args))
        }
    }
}

/// Runs a command to its end and ends as it did.
fn forward(command: &mut Process) -> Result<ExitCode> {
    let status = command
        .status()
        .with_context(|| format!("start {:?}", command.get_program()))?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
