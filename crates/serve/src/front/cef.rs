//! The security log: one line in the Common Event Format for each request, before it
//! is authorised (spec loggregator-v1 §4.10, log-cache §5.6).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderValue, Request};
use logweir_net::listen::Peer;
use tokio::{
    fs::{File, OpenOptions},
    io::AsyncWriteExt,
    sync::{Notify, mpsc},
};

use crate::{
    context::{ServeContext, StartError},
    metrics::Registry,
};

use super::access_log::shown;

/// Lines that wait for a slow disk; more are left out and counted, so that the disk
/// cannot stop the door.
const WAITING_LINES: usize = 4096;

/// Where the lines go. Clones are the same log.
#[derive(Clone)]
pub struct SecurityLog {
    lines: mpsc::Sender<String>,
    product: &'static str,
    door: SocketAddr,
    left_out: Arc<AtomicU64>,
}

impl SecurityLog {
    /// Opens the file at `path`, to which lines are appended; it is opened again on
    /// SIGHUP, for those who rotate it. `product` is what the lines say they are of, and
    /// `door` is this end of the connections. `key` names the setting.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) async fn open(
        path: &Path,
        key: &str,
        product: &'static str,
        door: SocketAddr,
        registry: &Registry,
        context: &ServeContext,
    ) -> Result<Self, StartError> {
        let file = append(path).await.map_err(|error| {
            let path = path.display();
            StartError::Setting(format!("{key}: cannot open {path}: {error}"))
        })?;
        let (sender, lines) = mpsc::channel(WAITING_LINES);
        let left_out = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            file,
            path: path.to_path_buf(),
            left_out: Arc::clone(&left_out),
        };
        let reload = Arc::clone(&context.reload);
        let abort = context.shutdown.abort.clone();
        context.shutdown.tracker.spawn(async move {
            abort.run_until_cancelled(writer.run(lines, reload)).await;
        });
        let counted = Arc::clone(&left_out);
        registry.collect(move |snapshot| {
            let help = "Requests that are not in the security log, because it could not be \
                        written, or not as fast as they came.";
            let lost = counted.load(Ordering::Relaxed);
            snapshot.counter("logweir_security_log_left_out", help, &[], lost);
        });
        Ok(Self {
            lines: sender,
            product,
            door,
            left_out,
        })
    }

    /// Notes a request. Never waits.
    pub(crate) fn note<B>(&self, request: &Request<B>) {
        let line = line(request, SystemTime::now(), self.product, self.door);
        if self.lines.try_send(line).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).open(path).await
}

struct Writer {
    file: File,
    path: PathBuf,
    left_out: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, mut lines: mpsc::Receiver<String>, reload: Arc<Notify>) {
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Some(line) => self.write(&line).await,
                    None => return,
                },
                () = reload.notified() => match append(&self.path).await {
                    Ok(file) => self.file = file,
                    Err(error) => {
                        let path = self.path.display();
                        tracing::error!("the security log stays in its old file: cannot open {path}: {error}");
                    }
                },
            }
        }
    }

    async fn write(&mut self, line: &str) {
        let written = match self.file.write_all(line.as_bytes()).await {
            Ok(()) => self.file.flush().await,
            failed => failed,
        };
        if let Err(error) = written
            && self.left_out.fetch_add(1, Ordering::Relaxed) == 0
        {
            let path = self.path.display();
            tracing::error!("the security log {path} cannot be written: {error}");
        }
    }
}

/// The line of a request that came at `now` through `door`.
fn line<B>(request: &Request<B>, now: SystemTime, product: &str, door: SocketAddr) -> String {
    let millis = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis();
    let method = request.method().as_str();
    // As it came, escapes and all; without the values of parameters that are secrets.
    let target = shown(request.uri());
    let event = escape(format!("{method} {target}").as_bytes(), b'|');
    let header = |name| {
        let value = request.headers().get(name);
        value.map(HeaderValue::as_bytes).unwrap_or_default()
    };
    let peer = request.extensions().get::<Peer>().map(|peer| peer.addr);
    let (source, port) = origin(header("x-forwarded-for"), peer);
    let value = |bytes: &[u8]| escape(bytes, b'=');
    format!(
        "CEF:0|cloud_foundry|{product}|1.0|{event}|{event}|0|rt={millis} \
         cs1Label=userAuthenticationMechanism cs1=oauth-access-token cs2Label=vcapRequestId \
         cs2={} request={} requestMethod={} src={} spt={} dst={} dpt={}\n",
        value(header("x-vcap-request-id")),
        value(target.as_bytes()),
        value(method.as_bytes()),
        value(source.as_bytes()),
        value(port.as_bytes()),
        door.ip().to_canonical(),
        door.port(),
    )
}

/// Address and port of the client: the first element of `X-Forwarded-For`, or else the
/// other end of the connection.
fn origin(forwarded: &[u8], peer: Option<SocketAddr>) -> (String, String) {
    let forwarded = String::from_utf8_lossy(forwarded);
    let first = forwarded.split(',').next().unwrap_or_default().trim();
    if first.is_empty() {
        return peer.map_or_else(Default::default, |peer| {
            let address = peer.ip().to_canonical();
            (address.to_string(), peer.port().to_string())
        });
    }
    if let Ok(address) = first.parse::<SocketAddr>() {
        return (address.ip().to_string(), address.port().to_string());
    }
    let bare = first.trim_start_matches('[').trim_end_matches(']');
    match (bare.parse::<IpAddr>(), first.rsplit_once(':')) {
        (Ok(address), _) => (address.to_string(), String::new()),
        (Err(_), Some((host, port))) => (host.to_owned(), port.to_owned()),
        (Err(_), None) => (first.to_owned(), String::new()),
    }
}

/// A value of the line, in which `special` and backslashes are escaped. What is neither
/// printable ASCII nor a space becomes a percent escape, so that nothing ends the line
/// or steers a terminal.
fn escape(value: &[u8], special: u8) -> String {
    let mut escaped = String::with_capacity(value.len());
    for &byte in value {
        if byte == special || byte == b'\\' {
            escaped.push('\\');
            escaped.push(char::from(byte));
        } else if byte == b' ' || byte.is_ascii_graphic() {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
