//! Metrics pages to scrape: a real client library's, and some that misbehave; and a real client
//! of Prometheus.

use std::{env, path::Path};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
};

use crate::{certificates::Identity, process::Process};

/// A page made by Python's `prometheus_client`, in a process of its own. With an identity
/// it speaks TLS and asks for certificates of `authority`.
///
/// # Panics
/// When Python or the library is missing: `cargo xtask test` installs it.
pub async fn python(tls: Option<(&Identity, &Path)>) -> (Process, u16) {
    let mut command = script("prometheus_target.py", "prometheus_client");
    if let Some((identity, authority)) = tls {
        command.args([&identity.cert, &identity.key]).arg(authority);
    }
    let process = Process::start(command);
    let line = process.prints("port ").await;
    let port = line.trim_start_matches("port ").parse();
    (process, port.expect("a port"))
}

/// Asks the Prometheus at `url` for what [`measured`](crate::measured) sent up to the Unix
/// second `last`, by `prometheus_api_client` of Python. Its exit code tells whether all was there.
///
/// # Panics
/// When Python or the library is missing: `cargo xtask test` installs it.
pub fn prometheus_reader(url: &str, last: u64) -> Process {
    let mut command = script("prometheus_reader.py", "prometheus_api_client");
    command.args([url, &last.to_string()]);
    Process::start(command)
}

/// A script of ours that needs this package of Python's.
///
/// # Panics
/// When the package is missing: `cargo xtask test` installs it.
pub(crate) fn script(name: &str, package: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = env::var_os("LOGWEIR_TEST_PYTHON_PACKAGES");
    let packages = packages.map_or_else(|| root.join("../../target/python"), Into::into);
    assert!(
        packages.join(package).is_dir(),
        "no {package} in {}: `cargo xtask test` installs it",
        packages.display()
    );
    let mut command = Command::new("python3");
    command
        .arg(root.join("targets").join(name))
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// How a page misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Takes the question and never answers.
    Silent,
    /// Sends one line after the other, for ever.
    Endless,
    /// Answers with this status.
    Status(u16),
    /// Sends the client to another page, for ever.
    Redirect(&'static str),
    /// Answers with what is no page of metrics.
    Nonsense,
    /// Closes in the middle of its page.
    Cut,
    /// Some good lines, some bad ones.
    Mixed,
}

/// A server that misbehaves, and its port.
///
/// # Panics
/// When the system refuses.
pub async fn misbehaving(how: Misbehaviour) -> (JoinHandle<()>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client, how));
        }
    });
    (server, port)
}

async fn answer(mut client: TcpStream, how: Misbehaviour) {
    let mut question = [0; 4096];
    // How it ends does not matter: the scraper may leave at any time.
    let _ = client.read(&mut question).await;
    let page = |status: u16, length: usize, body: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let whole = |status, body: &str| page(status, body.len(), body);
    let text = match how {
        Misbehaviour::Silent => return std::future::pending().await,
        Misbehaviour::Endless => {
            let head = "HTTP/1.1 200 OK\r\n\r\n";
            let lines = "endless 1\n".repeat(1000);
            let _ = client.write_all(head.as_bytes()).await;
            while client.write_all(lines.as_bytes()).await.is_ok() {}
            return;
        }
        Misbehaviour::Status(status) => whole(status, "no page here"),
        Misbehaviour::Redirect(to) => {
            let body = "look elsewhere";
            let length = body.len();
            format!("HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Misbehaviour::Nonsense => whole(200, "<html>\nhello\n</html>\n"),
        Misbehaviour::Cut => page(200, 1000, "cut 1\n"),
        Misbehaviour::Mixed => whole(200, "good_one 1\nbad line\ngood_two{x=\"y\"} 2\n"),
    };
    let _ = client.write_all(text.as_bytes()).await;
}
