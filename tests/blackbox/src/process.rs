//! The binary as a process: its output by lines, its signals, its end.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
};

use crate::patience::{eventually, within};

/// The binary under test: `LOGWEIR_BIN`, or what cargo built last in debug or release.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("LOGWEIR_BIN") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    ["debug/logweir", "release/logweir"]
        .map(|path| target.join(path))
        .into_iter()
        .find(|path| path.is_file())
        .expect("no binary: build it with `cargo build -p logweir`, or set LOGWEIR_BIN")
}

/// The binary with arguments and an empty environment.
pub fn logweir<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear();
    command
}

/// The binary under a peer's name, in its role, with exactly this environment.
///
/// # Panics
/// When no link can be made in `links`.
pub fn role(links: &TempDir, name: &str, environment: &[(&str, String)]) -> Command {
    let link = links.path().join(name);
    if !link.exists() {
        std::os::unix::fs::symlink(binary(), &link).expect("a link to the binary");
    }
    let mut command = Command::new(link);
    command
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

type Lines = Arc<Mutex<Vec<String>>>;

/// A running process. Dropping it kills it; a test that fails shows what it said.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` with all three streams piped.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let (stdout, stderr) = (Lines::default(), Lines::default());
        let mut readers = Vec::new();
        readers.extend(
            child
                .stdout
                .take()
                .map(|pipe| collect(pipe, stdout.clone())),
        );
        readers.extend(
            child
                .stderr
                .take()
                .map(|pipe| collect(pipe, stderr.clone())),
        );
        Self {
            stdin: child.stdin.take(),
            child,
            stdout,
            stderr,
            readers,
        }
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    pub fn pid(&self) -> Pid {
        let pid = self.child.id().expect("the process runs");
        Pid::from_raw(i32::try_from(pid).expect("a process id"))
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the process runs");
    }

    /// Writes to its standard input.
    ///
    /// # Panics
    /// When it does not take it.
    pub async fn write(&mut self, text: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        within("standard input is read", stdin.write_all(text))
            .await
            .expect("is written");
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Lines of standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        lock(&self.stdout).clone()
    }

    /// Lines of standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        lock(&self.stderr).clone()
    }

    /// The first line of standard error that contains `part`, once it is there.
    pub async fn says(&self, part: &str) -> String {
        wait_for(&self.stderr, part).await
    }

    /// The first line of standard output that contains `part`, once it is there.
    pub async fn prints(&self, part: &str) -> String {
        wait_for(&self.stdout, part).await
    }

    /// The port in its line `DOOR bound to: …:PORT`.
    ///
    /// # Panics
    /// When the line has no port.
    pub async fn port(&self, door: &str) -> u16 {
        let line = self.says(&format!("{door} bound to: ")).await;
        let port = line
            .rsplit_once(':')
            .and_then(|(_, port)| port.trim().parse().ok());
        port.expect("a port at the end of the line")
    }

    /// Waits for its end; all output has been read then.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn end(&mut self) -> ExitStatus {
        let status = within("the process ends", self.child.wait())
            .await
            .expect("waited for");
        for reader in self.readers.drain(..) {
            within("its output ends", reader).await.expect("was read");
        }
        status
    }

    /// Closes standard input, waits for the end and returns the exit code.
    ///
    /// # Panics
    /// When a signal ended it.
    pub async fn exit_code(&mut self) -> i32 {
        self.close_stdin();
        self.end().await.code().expect("an exit code")
    }
}

impl Drop for Process {
    #[allow(clippy::print_stdout)] // shown by the test runner, with the test that failed
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("standard error:\n{}", self.stderr().join("\n"));
            println!("standard output:\n{}", self.stdout().join("\n"));
        }
    }
}

fn lock(lines: &Lines) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn wait_for(lines: &Lines, part: &str) -> String {
    let what = format!("a line with `{part}`");
    eventually(&what, async || {
        lock(lines).iter().find(|line| line.contains(part)).cloned()
    })
    .await
}

fn collect(pipe: impl AsyncRead + Unpin + Send + 'static, into: Lines) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        // Bytes, since an app's output need not be text.
        while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line);
            lock(&into).push(text.trim_end_matches('\n').to_owned());
            line.clear();
        }
    })
}
