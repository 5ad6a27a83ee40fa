//! Real receivers of drains and nozzles, as processes without privileges: rsyslogd, syslog-ng and
//! nginx from Debian's packages, and a Kafka broker, which `cargo xtask receivers` fetches; and a
//! Redis server for several nodes of Logplex.
//!
//! Each keeps its port, its certificates and what it has received over a restart.

mod carbon;
mod kafka;
mod nginx;
mod redis;
mod rsyslog;
mod syslog_ng;

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command};

use crate::{
    certificates::Identity,
    patience::{eventually, patience},
    process::Process,
};

pub use carbon::{Carbon, Points};
pub use kafka::{Broker, BrokerSettings, Record, Secured};
pub use nginx::{Nginx, Request};
pub use redis::RedisServer;

/// Ports of receivers. Those that the system gives to outgoing connections are left out, so
/// that nothing takes the port of a receiver that is down for a moment.
const PORTS: std::ops::Range<u16> = 21_000..32_000;

/// What a receiver asks of those who connect.
#[derive(Clone, Debug)]
pub enum Security {
    /// Nothing: plain TCP.
    Plain,
    /// TLS.
    Tls(Identity),
    /// TLS with a certificate that this authority vouches for.
    Mutual(Identity, PathBuf),
}

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// rsyslogd.
    Rsyslog,
    /// syslog-ng.
    SyslogNg,
}

/// A message as a receiver understood it. Fields that it found absent are `-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `PRI`.
    pub pri: String,
    /// `TIMESTAMP`, as the receiver writes it.
    pub timestamp: String,
    /// `HOSTNAME`.
    pub hostname: String,
    /// `APP-NAME`.
    pub app_name: String,
    /// `PROCID`.
    pub procid: String,
    /// `MSGID`.
    pub msgid: String,
    /// The structured data.
    pub data: String,
    /// The text.
    pub text: String,
    /// The message byte by byte, where the receiver keeps it.
    pub raw: Option<String>,
}

/// A syslog receiver.
pub struct SyslogReceiver {
    kind: Kind,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl SyslogReceiver {
    /// Starts one, which takes connections when this returns.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(kind: Kind, security: &Security) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let config = match kind {
            Kind::Rsyslog => rsyslog::config(directory.path(), port, security),
            Kind::SyslogNg => syslog_ng::config(directory.path(), port, security),
        };
        fs::write(directory.path().join("receiver.conf"), config).expect("written");
        let mut receiver = Self {
            kind,
            port,
            directory,
            process: None,
        };
        receiver.resume().await;
        receiver
    }

    /// Starts it again after [`Self::stop`].
    pub async fn resume(&mut self) {
        let command = match self.kind {
            Kind::Rsyslog => rsyslog::command(self.directory.path()),
            Kind::SyslogNg => syslog_ng::command(self.directory.path()),
        };
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

    /// Ends it and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.resume().await;
    }

    /// Lets it stand still; its kernel goes on taking bytes until its buffers are full.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn freeze(&self) {
        let process = self.process.as_ref().expect("the receiver runs");
        process.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it is stopped.
    pub fn thaw(&self) {
        let process = self.process.as_ref().expect("the receiver runs");
        process.signal(Signal::SIGCONT);
    }

    /// Everything that it has received and written so far.
    ///
    /// # Panics
    /// When it wrote what is no message.
    pub fn received(&self) -> Vec<Message> {
        let lines = lines(&self.directory.path().join("received"));
        lines.iter().map(message).collect()
    }

    /// The same once `enough` says that it is.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        eventually(what, async || {
            let all = self.received();
            enough(&all).then_some(all)
        })
        .await
    }
}

/// Where the packages were unpacked, or the root of a machine that has the programs.
///
/// # Panics
/// When there is nothing.
fn root() -> PathBuf {
    let named = env::var_os("LOGWEIR_TEST_RECEIVERS").map(PathBuf::from);
    let root = named.unwrap_or_else(|| {
        let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        checkout.join(target).join("receivers")
    });
    let found = root.canonicalize();
    found
        .expect("no receivers: `cargo xtask receivers` unpacks rsyslog, syslog-ng, nginx and Redis")
}

/// One of the programs, which finds the libraries that were unpacked with it.
///
/// # Panics
/// When it is missing.
fn program(name: &str) -> Command {
    let root = root();
    let places = ["usr/sbin", "usr/bin"].map(|place| root.join(place).join(name));
    let program = places.iter().find(|place| place.is_file());
    let program = program.unwrap_or(&places[0]);
    assert!(
        program.is_file(),
        "no {}: `cargo xtask receivers` unpacks it",
        program.display()
    );
    let mut places = Vec::new();
    for directory in ["usr/lib", "lib"] {
        places.extend(below(&root.join(directory)));
    }
    let libraries = env::join_paths(places).expect("paths without colons");
    let mut command = Command::new(program);
    command.env_clear().env("LD_LIBRARY_PATH", libraries);
    command
}

/// The directories in a directory.
fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_dir()).collect()
}

/// The directory that has `name` in it, somewhere below `directory`.
///
/// # Panics
/// When there is none.
fn holds(directory: &Path, name: &str) -> PathBuf {
    let found = below(directory)
        .into_iter()
        .flat_map(|below_it| [below_it.clone(), below_it.join("rsyslog")])
        .find(|place| place.join(name).is_file());
    found.unwrap_or_else(|| panic!("no {name} below {}", directory.display()))
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests of several processes begin at different ones.
    let size = PORTS.end - PORTS.start;
    let first = u16::try_from(std::process::id() % u32::from(size)).unwrap_or(0);
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = PORTS.start + (first.wrapping_add(offset)) % size;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

async fn listening(port: u16) {
    let what = format!(
        "a receiver at port {port}; patience {:?}",
        patience(crate::patience::SOON)
    );
    eventually(&what, async || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()
    })
    .await;
}

/// The whole lines of a file, each a JSON value. None while there is no file.
fn lines(file: &Path) -> Vec<Value> {
    let bytes = fs::read(file).unwrap_or_default();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(&bytes[..whole.map_or(0, |end| end + 1)]);
    let parse =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    text.lines().map(parse).collect()
}

fn message(line: &Value) -> Message {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    // Some write an absent field as it came, some leave it out.
    let field = |name: &str| match text(name) {
        empty if empty.is_empty() => "-".to_owned(),
        text => text,
    };
    Message {
        pri: field("pri"),
        timestamp: field("timestamp"),
        hostname: field("hostname"),
        app_name: field("app_name"),
        procid: field("procid"),
        msgid: field("msgid"),
        data: field("data"),
        text: text("text"),
        raw: line["raw"].as_str().map(str::to_owned),
    }
}
