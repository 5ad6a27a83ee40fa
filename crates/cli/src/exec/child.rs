//! The app's process.

use std::{
    ffi::OsString,
    io::ErrorKind,
    os::unix::process::ExitStatusExt,
    process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::sync::oneshot;

use crate::exit::{self, Failure};

pub(super) struct Child {
    pid: Option<Pid>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    status: oneshot::Receiver<std::io::Result<ExitStatus>>,
}

impl Child {
    /// Starts the command with our own stdin, and pipes for its output.
    pub(super) fn spawn(command: &[OsString]) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Failure::new("no command given: write it after `--`"));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let name = program.to_string_lossy();
                match error.kind() {
                    ErrorKind::NotFound => Failure {
                        message: format!("{name}: command not found: check the name and PATH"),
                        code: exit::NOT_FOUND,
                    },
                    _ => Failure {
                        message: format!("{name}: cannot be executed: {error}"),
                        code: exit::NOT_EXECUTABLE,
                    },
                }
            })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let pid = i32::try_from(child.id()).ok().map(Pid::from_raw);
        let (ended, status) = oneshot::channel();
        // A thread of its own: tokio would wait by SIGCHLD, and this needs none.
        std::thread::spawn(move || ended.send(child.wait()));
        Ok(Self {
            pid,
            stdout,
            stderr,
            status,
        })
    }

    /// Waits for the end; gives the exit code as a shell does. May be dropped and
    /// called again until it has resolved.
    pub(super) async fn wait(&mut self) -> u8 {
        let status = (&mut self.status).await;
        self.pid = None;
        match status {
            Ok(Ok(status)) => code(status),
            _ => exit::FAILED,
        }
    }

    /// Passes a signal on.
    pub(super) fn send(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may have just ended, which `wait` will tell.
            let _ = kill(pid, signal);
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    u8::try_from(code).unwrap_or(exit::FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(command: &[&str]) -> Result<Child, Failure> {
        Child::spawn(&command.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn the_code_is_the_commands_own() {
        assert_eq!(spawn(&["true"]).unwrap().wait().await, 0);
        assert_eq!(spawn(&["sh", "-c", "exit 7"]).unwrap().wait().await, 7);
        assert_eq!(
            spawn(&["sh", "-c", "kill -9 $$"]).unwrap().wait().await,
            137
        );
    }

    #[tokio::test]
    async fn a_signal_reaches_the_command() {
        let mut child = spawn(&["sleep", "60"]).unwrap();
        child.send(Signal::SIGTERM);
        assert_eq!(child.wait().await, 143);
    }

    #[test]
    fn what_cannot_start_is_named() {
        let failure = spawn(&["no-such-command-here"]).err().unwrap();
        assert_eq!(failure.code, 127);
        assert!(
            failure.message.contains("no-such-command-here"),
            "{}",
            failure.message
        );
        assert_eq!(spawn(&["/etc/hostname"]).err().unwrap().code, 126);
    }
}
