//! A Kafka broker for the tests, by Maven: part of `cargo xtask receivers`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Names its version and what is left out of it.
const PROJECT: &str = "tests/kafka/pom.xml";

/// Where the jars are, below where cargo builds.
const DIRECTORY: &str = "receivers/kafka";

/// The project that the jars are of. Written last.
const STAMP: &str = "pom.xml";

/// Fetches the jars, unless they are there.
pub(crate) fn fetch(root: &Path, target: &Path) -> Result<()> {
    if is_there(root, target) {
        return Ok(());
    }
    let jars = jars(target);
    if jars.exists() {
        fs::remove_dir_all(&jars)?;
    }
    let status = Command::new("mvn")
        // Quiet, without questions, and no file whose checksum is another.
        .args(["-q", "-B", "-C", "-f"])
        .arg(root.join(PROJECT))
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .status()
        .context("start mvn: install Debian's package `maven`")?;
    ensure!(status.success(), "mvn: {status}");
    fs::copy(root.join(PROJECT), jars.join(STAMP))?;
    Ok(())
}

/// Fails with what to do where something is missing.
pub(crate) fn check(root: &Path, target: &Path) -> Result<()> {
    ensure!(
        is_there(root, target),
        "the tests send to a Kafka broker: `cargo xtask receivers` fetches it with Maven"
    );
    let java = Command::new("java").arg("-version").output();
    ensure!(
        java.is_ok_and(|java| java.status.success()),
        "the Kafka broker of the tests needs Java 17 or later: install Debian's package `default-jre-headless`"
    );
    Ok(())
}

fn is_there(root: &Path, target: &Path) -> bool {
    let read = |path: PathBuf| fs::read(path).ok();
    let wanted = read(root.join(PROJECT));
    wanted.is_some() && wanted == read(jars(target).join(STAMP))
}

fn jars(target: &Path) -> PathBuf {
    target.join(DIRECTORY)
}
