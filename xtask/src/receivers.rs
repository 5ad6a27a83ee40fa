//! `cargo xtask receivers`: the programs that tests send to, from Debian's packages.
//!
//! They are unpacked, not installed: rsyslog and syslog-ng exclude each other on one
//! machine, and nothing of them shall run unless a test starts it. No privilege is needed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// Where they are unpacked, below where cargo builds.
const DIRECTORY: &str = "receivers";

/// A package, those that go with it, and a file of each that must be there afterwards.
const WANTED: [(&[&str], &[&str]); 4] = [
    (
        &["rsyslog", "rsyslog-gnutls"],
        &["usr/sbin/rsyslogd", "usr/lib/*/rsyslog/lmnsd_gtls.so"],
    ),
    (
        &["syslog-ng-core"],
        &[
            "usr/sbin/syslog-ng",
            "usr/lib/syslog-ng/*/libsyslogformat.so",
        ],
    ),
    (&["nginx"], &["usr/sbin/nginx"]),
    // The server is a link to a program of the tools.
    (
        &["redis-server", "redis-tools"],
        &["usr/bin/redis-server", "usr/bin/redis-check-rdb"],
    ),
];

/// Unpacks what is missing.
pub(crate) fn fetch(target: &Path) -> Result<()> {
    let root = target.join(DIRECTORY);
    for (packages, files) in WANTED {
        if missing(&root, files).is_empty() {
            continue;
        }
        let archives = target.join("receivers-archives");
        fs::create_dir_all(&archives)?;
        for package in with_dependencies(packages)? {
            download(&package, &archives)?;
        }
        unpack(&archives, &root)?;
        fs::remove_dir_all(&archives)?;
        let missing = missing(&root, files);
        ensure!(
            missing.is_empty(),
            "{packages:?} have no {}",
            missing.join(", ")
        );
    }
    Ok(())
}

/// Fails with what to do where one is missing.
pub(crate) fn check(target: &Path) -> Result<()> {
    let root = target.join(DIRECTORY);
    let missing: Vec<_> = WANTED
        .iter()
        .flat_map(|(_, files)| missing(&root, files))
        .collect();
    ensure!(
        missing.is_empty(),
        "the tests use rsyslog, syslog-ng, nginx and Redis: `cargo xtask receivers` unpacks them from Debian's packages (missing: {})",
        missing.join(", ")
    );
    Ok(())
}

fn missing(root: &Path, files: &[&'static str]) -> Vec<&'static str> {
    let gone = files.iter().filter(|file| !exists(root, file));
    gone.copied().collect()
}

/// Whether a file is there; one directory of its path may be `*`.
fn exists(root: &Path, file: &str) -> bool {
    let Some((before, after)) = file.split_once("/*/") else {
        return root.join(file).is_file();
    };
    let Ok(directories) = fs::read_dir(root.join(before)) else {
        return false;
    };
    let mut directories = directories.flatten();
    directories.any(|directory| directory.path().join(after).is_file())
}

/// The packages, and those that they need and that this machine has not.
fn with_dependencies(packages: &[&str]) -> Result<Vec<String>> {
    // What an installation would add; it is not carried out.
    let plan = output(
        Command::new("apt-get")
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(packages),
    )?;
    let added = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    let added = added.filter_map(|rest| rest.split_whitespace().next());
    let mut all: Vec<String> = packages.iter().map(|name| (*name).to_owned()).collect();
    all.extend(added.map(str::to_owned));
    all.sort();
    all.dedup();
    Ok(all)
}

fn download(package: &str, into: &Path) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["download", package]).current_dir(into);
    output(&mut command).map(|_| ())
}

fn unpack(archives: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    let archives: Vec<PathBuf> = fs::read_dir(archives)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    for archive in archives {
        output(Command::new("dpkg-deb").arg("-x").arg(archive).arg(root))?;
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("start {:?}: is this Debian?", command.get_program()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
