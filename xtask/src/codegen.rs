//! Generates the wire types from `crates/proto/proto` with a pure-Rust compiler, and the
//! reference of all settings from their doc comments.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::cargo;

const PROTO: &str = "crates/proto/proto";
const SCHEMAS: &[&str] = &[
    "dropsonde_v1.proto",
    "logcache_v1.proto",
    "loggregator_v2.proto",
    "logmessage_2013.proto",
    "logweir_cache_v1.proto",
    "plumbing_v1.proto",
];
const GEN: &str = "crates/proto/src/gen";
const CONFIGURATION: &str = "docs/configuration.md";

/// Writes the generated files, or with `check` fails where they are stale. `logweir` is
/// the built binary; without one it is built.
pub(crate) fn run(root: &Path, check: bool, logweir: Option<&Path>) -> Result<()> {
    wire_types(root, check)?;
    configuration(root, check, logweir)
}

/// The binary knows its settings; linking it here would make every task wait for it.
fn configuration(root: &Path, check: bool, logweir: Option<&Path>) -> Result<()> {
    let mut command = match logweir {
        Some(binary) => Command::new(binary),
        None => {
            let mut run = cargo();
            run.args(["run", "--quiet", "-p", "logweir", "--"]);
            run
        }
    };
    let output = command
        .args(["config", "reference"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("start {:?}", command.get_program()))?;
    ensure!(output.status.success(), "`logweir config reference` failed");
    let fresh = String::from_utf8(output.stdout).context("read the reference")?;
    settle(&root.join(CONFIGURATION), &fresh, check)
}

fn wire_types(root: &Path, check: bool) -> Result<()> {
    let files = protox::compile(SCHEMAS, [root.join(PROTO)])
        .context("compile the schemas in crates/proto/proto")?;
    let out = root.join("target/codegen");
    fs::create_dir_all(&out)?;
    prost_build::Config::new()
        .out_dir(&out)
        // Payloads are slices of the message they came in; maps are ordered so
        // that what we encode is the same bytes each time.
        .bytes(["."])
        .btree_map(["."])
        .compile_fds(files)
        .context("generate the wire types")?;
    for entry in fs::read_dir(&out)? {
        let entry = entry?;
        let fresh = fs::read_to_string(entry.path())?;
        settle(&root.join(GEN).join(entry.file_name()), &fresh, check)?;
    }
    Ok(())
}

/// Writes a generated file, or fails where it is not what it should be.
fn settle(file: &Path, fresh: &str, check: bool) -> Result<()> {
    if check {
        let stands = fs::read_to_string(file).unwrap_or_default();
        ensure!(
            stands == fresh,
            "{} is stale: run `cargo xtask codegen`",
            file.display()
        );
        return Ok(());
    }
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(file, fresh).with_context(|| format!("write {}", file.display()))
}
