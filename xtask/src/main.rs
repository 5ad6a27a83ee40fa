//! The commands of the repository: `cargo xtask COMMAND`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

mod codegen;

#[derive(Parser)]
#[command(about = "The commands of the Logweir repository")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate the wire types from the schemas.
    Codegen {
        /// Write nothing; fail where a generated file is stale.
        #[arg(long)]
        check: bool,
    },
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Codegen { check } => codegen::run(&root(), check),
    }
}
