//! Generates the wire types from `crates/proto/proto` with a pure-Rust compiler.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

const PROTO: &str = "crates/proto/proto";
const GEN: &str = "crates/proto/src/gen";

/// Writes the generated files, or with `check` fails where they are stale.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let files = protox::compile(["loggregator_v2.proto"], [root.join(PROTO)])
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
        let committed = root.join(GEN).join(entry.file_name());
        if check {
            let stands = fs::read_to_string(&committed).unwrap_or_default();
            ensure!(
                stands == fresh,
                "{} is stale: run `cargo xtask codegen`",
                committed.display()
            );
        } else {
            fs::create_dir_all(root.join(GEN))?;
            fs::write(&committed, fresh)?;
        }
    }
    Ok(())
}
