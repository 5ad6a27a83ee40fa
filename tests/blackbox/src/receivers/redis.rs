//! A Redis server that keeps what it has over a restart.

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{free_port, program};
use crate::{
    patience::{eventually, within},
    process::Process,
};

/// A server.
pub struct RedisServer {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    settings: Vec<String>,
    directory: TempDir,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one with more settings, each a word of its command line.
    pub async fn start(settings: &[&str]) -> Self {
        let mut server = Self {
            port: free_port(),
            settings: settings.iter().map(|word| (*word).to_owned()).collect(),
            directory: tempfile::tempdir().expect("a directory"),
            process: None,
        };
        server.resume().await;
        server
    }

    /// A port on which nothing listens, for what a setting opens.
    pub fn another_port() -> u16 {
        free_port()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`].
    pub async fn resume(&mut self) {
        let mut command = program("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(self.directory.path())
            .args(&self.settings);
        self.process = Some(Process::start(command));
        let port = self.port;
        eventually("an answer of Redis", async || {
            // While it reads what it has kept it answers `-LOADING`.
            let pong = answer(port, &["PING"]).await?;
            (pong == ["PONG"]).then_some(())
        })
        .await;
    }

    /// Ends it in an orderly way.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGTERM).await;
    }

    /// Ends it at once.
    pub async fn kill(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    async fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            process.signal(signal);
            process.end().await;
        }
    }

    /// Lets it stand still: connections are taken and nothing is answered.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn freeze(&self) {
        let process = self.process.as_ref().expect("the server runs");
        process.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn thaw(&self) {
        let process = self.process.as_ref().expect("the server runs");
        process.signal(Signal::SIGCONT);
    }

    /// Asks it, and returns the texts and numbers of the answer; nothing is `(nil)`.
    ///
    /// # Panics
    /// When it does not answer, or with an error.
    pub async fn ask(&self, words: &[&str]) -> Vec<String> {
        let answer = within("an answer of Redis", answer(self.port, words)).await;
        answer.unwrap_or_else(|| panic!("no answer to {words:?}"))
    }
}

async fn answer(port: u16, words: &[&str]) -> Option<Vec<String>> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.ok()?);
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(command.as_bytes()).await.ok()?;
    let (mut answer, mut open) = (Vec::new(), 1);
    while open > 0 {
        open -= 1;
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let (kind, rest) = line.trim_end().split_at_checked(1)?;
        match (kind, rest) {
            ("*", count) => open += count.parse::<usize>().ok()?,
            ("$", "-1") => answer.push("(nil)".to_owned()),
            ("$", length) => {
                let mut bytes = vec![0; length.parse::<usize>().ok()? + 2];
                stream.read_exact(&mut bytes).await.ok()?;
                bytes.truncate(bytes.len() - 2);
                answer.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            ("+" | ":", text) => answer.push(text.to_owned()),
            _ => return None,
        }
    }
    Some(answer)
}
