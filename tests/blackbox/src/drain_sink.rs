//! A receiver of channel drains in this process: HTTP requests or octet-counted syslog, plain
//! or over TLS, byte for byte as they came.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{certificates::Identity, patience::eventually};

/// What a sink speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1.
    Http,
    /// Octet-counted syslog.
    Syslog,
    /// Nothing: each connection is closed at once.
    Nothing,
}

/// Something that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// Request line and headers; empty for syslog.
    pub head: String,
    /// The body, or the message without its length.
    pub body: String,
    /// What was answered.
    pub answer: String,
}

impl Came {
    /// The value of a header, whose name is written so.
    ///
    /// # Panics
    /// Without one.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = values.next();
        value.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// The frames of the body, without their lengths.
    ///
    /// # Panics
    /// When it is not made of frames.
    pub fn frames(&self) -> Vec<String> {
        let mut rest = self.body.as_str();
        let mut all = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_once(' ').expect("a length");
            let length = length.parse().expect("a number");
            all.push(after[..length].to_owned());
            rest = &after[length..];
        }
        all
    }
}

#[derive(Default)]
struct State {
    came: Mutex<Vec<Came>>,
    /// Statuses of the next answers; the last one stays.
    answers: Mutex<VecDeque<String>>,
    accepted: Mutex<Vec<Instant>>,
    closed: AtomicUsize,
}

/// A receiver. Dropping it closes its door.
pub struct DrainSink {
    /// Where it listens.
    pub address: SocketAddr,
    speaks: Speaks,
    tls: bool,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl DrainSink {
    /// Listens on a free port of 127.0.0.1; requests are answered with 204.
    pub async fn start(speaks: Speaks) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), speaks, None).await
    }

    /// The same over TLS.
    pub async fn tls(speaks: Speaks, address: IpAddr, identity: &Identity) -> Self {
        Self::at((address, 0).into(), speaks, Some(identity)).await
    }

    /// Listens at an address.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn at(address: SocketAddr, speaks: Speaks, identity: Option<&Identity>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();
        lock(&state.answers).push_back("204 No Content".to_owned());
        let acceptor = identity.map(acceptor);
        let (to, over) = (Arc::clone(&state), acceptor.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                lock(&to.accepted).push(Instant::now());
                let (to, over) = (Arc::clone(&to), over.clone());
                connections.spawn(async move {
                    match over {
                        None => serve(tcp, speaks, &to).await,
                        Some(over) => {
                            if let Ok(stream) = over.accept(tcp).await {
                                serve(stream, speaks, &to).await;
                            }
                        }
                    }
                    to.closed.fetch_add(1, Relaxed);
                });
            }
        });
        Self {
            address,
            speaks,
            tls: acceptor.is_some(),
            state,
            task,
        }
    }

    /// The URL of a drain to it; `rest` comes after the place.
    pub fn url(&self, rest: &str) -> String {
        let scheme = match (self.speaks, self.tls) {
            (Speaks::Http, false) => "http",
            (Speaks::Http, true) => "https",
            (_, false) => "syslog",
            (_, true) => "syslog+tls",
        };
        format!("{scheme}://{}{rest}", self.address)
    }

    /// The next answers have these statuses, as `404 Not Found`, and the last of them all
    /// further ones. With a `\r\n` in it it is the whole answer.
    pub fn answer(&self, statuses: &[&str]) {
        let statuses = statuses.iter().map(|status| (*status).to_owned());
        *lock(&self.state.answers) = statuses.collect();
    }

    /// What came so far.
    pub fn came(&self) -> Vec<Came> {
        lock(&self.state.came).clone()
    }

    /// Messages of syslog, or frames of answered requests, in the order in which they came.
    pub fn messages(&self) -> Vec<String> {
        let came = self.came();
        match self.speaks {
            Speaks::Http => came
                .iter()
                .filter(|came| came.answer.starts_with('2'))
                .flat_map(Came::frames)
                .collect(),
            _ => came.into_iter().map(|came| came.body).collect(),
        }
    }

    /// The same once there are so many.
    pub async fn messages_once(&self, count: usize) -> Vec<String> {
        self.until(&format!("{count} messages"), |sink| {
            sink.messages().len() >= count
        })
        .await;
        self.messages()
    }

    /// Waits for this message.
    pub async fn receives(&self, message: &str) {
        self.until(message, |sink| {
            sink.messages().iter().any(|one| one == message)
        })
        .await;
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        eventually(what, async || so(self).then_some(())).await;
    }

    /// When connections came.
    pub fn accepted(&self) -> Vec<Instant> {
        lock(&self.state.accepted).clone()
    }

    /// Connections that have ended.
    pub fn closed(&self) -> usize {
        self.state.closed.load(Relaxed)
    }
}

impl Drop for DrainSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let certs = CertificateDer::pem_file_iter(&identity.cert).expect("a certificate");
    let certs = certs.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a key");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .expect("an identity");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, speaks: Speaks, state: &State) {
    let mut buffer = Vec::new();
    loop {
        let parsed = match speaks {
            Speaks::Nothing => return,
            Speaks::Http => request(&buffer),
            Speaks::Syslog => message(&buffer),
        };
        let Some((mut came, used)) = parsed else {
            match stream.read_buf(&mut buffer).await {
                Ok(1..) => continue,
                _ => return,
            }
        };
        buffer.drain(..used);
        if speaks == Speaks::Syslog {
            lock(&state.came).push(came);
            continue;
        }
        let status = {
            let mut answers = lock(&state.answers);
            match answers.len() {
                0 | 1 => answers.front().cloned().unwrap_or_default(),
                _ => answers.pop_front().unwrap_or_default(),
            }
        };
        let answer = match status.contains("\r\n") {
            true => status.clone(),
            false => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
        };
        came.answer = status.trim_start_matches("HTTP/1.1 ").to_owned();
        lock(&state.came).push(came);
        if stream.write_all(answer.as_bytes()).await.is_err() || answer.contains("close\r\n") {
            return;
        }
    }
}

fn request(bytes: &[u8]) -> Option<(Came, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let came = Came {
        head,
        body: String::new(),
        answer: String::new(),
    };
    let length: usize = came.header("Content-Length").parse().expect("a number");
    let body = bytes.get(end + 4..end + 4 + length)?;
    let body = String::from_utf8_lossy(body).into_owned();
    Some((Came { body, ..came }, end + 4 + length))
}

fn message(bytes: &[u8]) -> Option<(Came, usize)> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = std::str::from_utf8(&bytes[..space]).expect("a length");
    let length: usize = length.parse().expect("a number");
    let body = bytes.get(space + 1..space + 1 + length)?;
    let came = Came {
        head: String::new(),
        body: String::from_utf8_lossy(body).into_owned(),
        answer: String::new(),
    };
    Some((came, space + 1 + length))
}
