//! Graphite's Carbon, from PyPI, which `cargo xtask test` installs.

use std::{collections::BTreeMap, path::Path};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use super::{free_port, listening};
use crate::{patience::eventually, process::Process, targets};

/// Timestamps and values of one path.
pub type Points = Vec<(i64, f64)>;

/// A `carbon-cache`.
pub struct Carbon {
    /// Where it takes lines, on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl Carbon {
    /// One that is not there yet: nobody listens at its port.
    ///
    /// # Panics
    /// When there is no directory for it.
    pub fn down() -> Self {
        Self {
            port: free_port(),
            directory: tempfile::tempdir().expect("a directory"),
            process: None,
        }
    }

    /// Starts it, also after [`Self::stop`].
    pub async fn start(&mut self) {
        let mut command = command("run", self.directory.path());
        command.arg(self.port.to_string());
        self.process = Some(Process::start(command));
        listening(self.port).await;
    }

    /// Ends it in an orderly way: what it has read is written.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::SIGTERM);
            process.end().await;
        }
    }

    /// What it keeps, by path.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn points(&self) -> BTreeMap<String, Points> {
        let output = command("read", self.directory.path()).output().await;
        let output = output.expect("Python runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        serde_json::from_slice(&output.stdout).expect("what the script prints")
    }

    /// The same once `enough` says that it is.
    pub async fn until(
        &self,
        what: &str,
        enough: impl Fn(&BTreeMap<String, Points>) -> bool,
    ) -> BTreeMap<String, Points> {
        eventually(what, async || {
            let points = self.points().await;
            enough(&points).then_some(points)
        })
        .await
    }
}

fn command(verb: &str, directory: &Path) -> Command {
    let mut command = targets::script("graphite_target.py", "carbon");
    command.arg(verb).arg(directory);
    command
}
