//! Crates that must not be linked, whatever asks for them.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// The same as in deny.toml: TLS is rustls over aws-lc-rs, and nothing beside it.
const BANNED: [&str; 4] = ["ring", "openssl", "openssl-sys", "native-tls"];

/// Fails where a banned crate is in the tree; with cargo-deny installed,
/// its whole check of bans, licences and sources runs too.
pub(crate) fn check() -> Result<()> {
    for name in BANNED {
        let output = cargo()
            .args(["tree", "--workspace", "--all-features"])
            .args(["--edges", "normal,build,dev", "--invert", name])
            .output()
            .context("start cargo tree")?;
        // A crate that is not even in the lock file is an error of cargo's, which is the
        // best answer there is.
        let tree = String::from_utf8_lossy(&output.stdout);
        let unknown =
            String::from_utf8_lossy(&output.stderr).contains("did not match any packages");
        ensure!(
            output.status.success() || unknown,
            "cargo tree failed for {name}"
        );
        ensure!(
            tree.trim().is_empty(),
            "{name} is banned but in the tree:\n{tree}"
        );
    }
    if deny_is_installed() {
        let status = cargo()
            .args(["deny", "check", "bans", "licenses", "sources"])
            .status()
            .context("start cargo deny")?;
        ensure!(status.success(), "cargo deny found something");
    }
    Ok(())
}

fn deny_is_installed() -> bool {
    Command::new("cargo-deny")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
