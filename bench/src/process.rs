//! One role as a process, started through the peers' environment contract: exactly
//! the variables of its configuration, ports from its `… bound to: …:PORT` lines.

use std::{collections::VecDeque, path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::Mutex,
    time::timeout,
};

use crate::usage::{self, Memory};

/// How long a process may take to say where it listens.
const START: Duration = Duration::from_secs(10);
/// Lines kept for the error when it does not.
const TAIL: usize = 20;

/// A running role. Dropping it kills the process.
pub(crate) struct Process {
    /// What it is called in the report: `router`, `rlp`, `agent`.
    pub(crate) role: &'static str,
    child: Child,
    ports: Vec<u16>,
}

impl Process {
    /// Starts `program` and waits for the ports named by `doors`
    /// (`grpc` for the line `grpc bound to: …`), in that order.
    pub(crate) async fn start(
        role: &'static str,
        program: &Path,
        environment: Vec<(&'static str, String)>,
        doors: &[&str],
    ) -> Result<Self> {
        Self::start_with(role, program, &[], environment, doors).await
    }

    /// The same with arguments.
    pub(crate) async fn start_with(
        role: &'static str,
        program: &Path,
        arguments: &[&str],
        environment: Vec<(&'static str, String)>,
        doors: &[&str],
    ) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {role}; is the binary built?"))?;
        let stderr = child.stderr.take().context("no stderr")?;
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let ports = match timeout(START, read_ports(stderr, doors, tail.clone())).await {
            Ok(Ok(ports)) => ports,
            outcome => {
                let said = tail
                    .lock()
                    .await
                    .iter()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("\n");
                let why = match outcome {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("no `bound to:` line for {doors:?} in {START:?}"),
                };
                bail!("{role}: {why}; it said:\n{said}");
            }
        };
        Ok(Self { role, child, ports })
    }

    /// The port of the door at `index` of those waited for.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports.get(index).copied().unwrap_or_default()
    }

    /// Processor seconds so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        usage::cpu_seconds(self.pid()?)
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        usage::memory(self.pid()?)
    }

    /// Forgets the peak of memory so far.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        usage::forget_peak(self.pid()?)
    }

    fn pid(&self) -> Result<u32> {
        self.child
            .id()
            .with_context(|| format!("{} has ended", self.role))
    }

    /// Ends the process at once, as the peers' harness does.
    pub(crate) async fn kill(mut self) {
        // It may have ended by itself; that is seen as an error elsewhere.
        let _ = self.child.kill().await;
    }
}

/// Reads standard error up to the last of the doors, and on in the background so
/// that the process never blocks on it.
async fn read_ports(
    stderr: ChildStderr,
    doors: &[&str],
    tail: Arc<Mutex<VecDeque<String>>>,
) -> Result<Vec<u16>> {
    let mut lines = BufReader::new(stderr).lines();
    let mut ports = vec![None; doors.len()];
    while ports.iter().any(Option::is_none) {
        let Some(line) = lines.next_line().await? else {
            bail!("it ended before it listened");
        };
        for (port, door) in ports.iter_mut().zip(doors) {
            *port = port.or_else(|| bound_port(&line, door));
        }
        let mut tail = tail.lock().await;
        tail.push_back(line);
        if tail.len() > TAIL {
            tail.pop_front();
        }
    }
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(ports.into_iter().flatten().collect())
}

/// The port in `… DOOR bound to: …:PORT`.
fn bound_port(line: &str, door: &str) -> Option<u16> {
    let (before, address) = line.split_once(" bound to: ")?;
    if before != door && !before.ends_with(&format!(" {door}")) {
        return None;
    }
    address.trim().rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_lines_as_the_peers_write_them() {
        let line = "2026/11/21 04:12:55.000001 grpc bound to: [::]:41001";
        assert_eq!(bound_port(line, "grpc"), Some(41001));
        assert_eq!(bound_port(line, "pprof"), None);
        assert_eq!(
            bound_port("metrics bound to: :14824", "metrics"),
            Some(14824)
        );
        assert_eq!(bound_port("grpc is bound", "grpc"), None);
    }
}
