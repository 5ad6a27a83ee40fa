//! HTTP/2 connections to other roles, with TLS or without.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use http::{Request, Response, uri::Scheme};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    body::Body,
    coalesce::{Flusher, coalesce},
    tls::ClientTls,
    transport::Transport,
};

/// How connections are opened and kept. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialSettings {
    /// Time for the TCP connection.
    pub connect_timeout: Duration,
    /// Time for the TLS handshake.
    pub tls_timeout: Duration,
    /// A ping after this long, also while no stream is open (spec loggregator-v2 §3.6).
    /// Peers end a connection that pings more often than every 10 s.
    pub keepalive_interval: Duration,
    /// A connection whose ping is unanswered for this long is dead.
    pub keepalive_timeout: Duration,
    /// What the server may send on one stream before we take it.
    pub stream_window: u32,
    /// The same for all streams of the connection together.
    pub connection_window: u32,
    /// Largest frame that the server may send.
    pub max_frame: u32,
    /// What may wait in one stream's send buffer.
    pub send_buffer: usize,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(15),
            keepalive_timeout: Duration::from_secs(15),
            stream_window: 4 << 20,
            connection_window: 16 << 20,
            max_frame: 256 << 10,
            send_buffer: 1 << 20,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No TCP connection, and no answer either.
    #[error("cannot connect to {addr}: no answer within {after:?}")]
    ConnectTimeout {
        /// Where to.
        addr: SocketAddr,
        /// How long it took.
        after: Duration,
    },
    /// The name to check is none.
    #[error("`{name}` is no name that a certificate can carry; give a DNS name or an IP address")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The handshake failed, mostly over a certificate.
    #[error("TLS with {addr} as `{name}` failed: {source}")]
    Tls {
        /// Where to.
        addr: SocketAddr,
        /// The name that the server was to prove.
        name: String,
        /// What rustls said.
        source: std::io::Error,
    },
    /// The server accepts connections and says nothing.
    #[error("TLS with {addr} failed: the handshake was not over within {after:?}")]
    TlsTimeout {
        /// Where to.
        addr: SocketAddr,
        /// How long it took.
        after: Duration,
    },
    /// The server does not speak HTTP/2.
    #[error("{addr} did not agree to HTTP/2 (ALPN h2) but to {negotiated}; is it a gRPC port?")]
    Alpn {
        /// Where to.
        addr: SocketAddr,
        /// What it agreed to.
        negotiated: String,
    },
    /// HTTP/2 could not begin.
    #[error("HTTP/2 with {addr} failed: {source}")]
    Http {
        /// Where to.
        addr: SocketAddr,
        /// What hyper said.
        source: hyper::Error,
    },
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// [`H2::close`] was called before.
    #[error("the connection is closed for new requests")]
    Closed,
    /// The connection or the stream broke.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// Takes requests, and ends with the connection's error.
type Requests = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Ends [`H2::closed`] when the last clone is dropped.
type Guard = Arc<DropGuard>;

/// Spawns hyper's tasks. The first is the one that reads and writes the connection
/// (what `handshake` returns only hands requests to it), so that is the one whose
/// writes the flusher gathers. The others, one for each request's body, would replace
/// its waker if they flushed too.
#[derive(Clone)]
struct Spawner(Arc<Mutex<Option<(Flusher<Transport>, Guard)>>>);

impl<F> Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((flusher, guard)) = first else {
            tokio::spawn(task);
            return;
        };
        tokio::spawn(async move {
            let mut connection = pin!(task);
            // An error here drops the connection, and its requests tell.
            let _ = flusher.drive(connection.as_mut()).await;
            drop(guard);
        });
    }
}

/// Opens connections with the same settings.
#[derive(Clone, Debug)]
pub struct Dialer {
    tls: Option<ClientTls>,
    server_name: String,
    settings: DialSettings,
}

impl Dialer {
    /// With `tls`, the server must prove to be `server_name`, whatever its address is.
    pub fn new(tls: Option<ClientTls>, server_name: String, settings: DialSettings) -> Self {
        Self {
            tls,
            server_name,
            settings,
        }
    }

    /// Connects. With TLS 1.3 a server refuses our certificate only after this: then
    /// the first request fails, and [`H2::reason`] says why.
    ///
    /// # Errors
    /// Within the two timeouts, naming the address and the step that failed.
    pub async fn connect(&self, addr: SocketAddr) -> Result<H2, DialError> {
        let transport = self.transport(addr).await?;
        let (io, flusher) = coalesce(transport);
        let ended = CancellationToken::new();
        let guard = Arc::new(ended.clone().drop_guard());
        let spawner = Spawner(Arc::new(Mutex::new(Some((flusher, guard.clone())))));
        let settings = &self.settings;
        let (sender, requests) = http2::Builder::new(spawner)
            .timer(TokioTimer::new())
            .initial_stream_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            .max_frame_size(settings.max_frame)
            .max_send_buf_size(settings.send_buffer)
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|source| DialError::Http { addr, source })?;
        let shared = Arc::new(Shared {
            sender: Mutex::new(Some(sender)),
            authority: self.server_name.clone(),
            encrypted: self.tls.is_some(),
            addr,
            ended,
            reason: OnceLock::new(),
        });
        // Weak: the connection ends when its last handle and stream are gone.
        let told = Arc::downgrade(&shared);
        // Boxed as a plain future, for the compiler cannot see its type to be `Send`.
        let requests: Requests = Box::pin(requests);
        tokio::spawn(async move {
            if let Err(error) = requests.await {
                let reason = with_causes(&error);
                tracing::debug!(%addr, "connection ended: {reason}");
                if let Some(shared) = told.upgrade() {
                    let _ = shared.reason.set(reason);
                }
            }
            drop(guard);
        });
        Ok(H2(shared))
    }

    async fn transport(&self, addr: SocketAddr) -> Result<Transport, DialError> {
        let after = self.settings.connect_timeout;
        let tcp = timeout(after, TcpStream::connect(addr))
            .await
            .map_err(|_| DialError::ConnectTimeout { addr, after })?
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|source| DialError::Connect { addr, source })?;
        match &self.tls {
            None => Ok(Transport::Plain(tcp)),
            Some(tls) => self.encrypt(tls, tcp, addr).await,
        }
    }

    async fn encrypt(
        &self,
        tls: &ClientTls,
        tcp: TcpStream,
        addr: SocketAddr,
    ) -> Result<Transport, DialError> {
        let after = self.settings.tls_timeout;
        let name =
            ServerName::try_from(self.server_name.clone()).map_err(|_| DialError::ServerName {
                name: self.server_name.clone(),
            })?;
        let stream = timeout(after, TlsConnector::from(tls.current()).connect(name, tcp))
            .await
            .map_err(|_| DialError::TlsTimeout { addr, after })?
            .map_err(|source| DialError::Tls {
                addr,
                name: self.server_name.clone(),
                source,
            })?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(Transport::Tls(Box::new(stream.into()))),
            other => Err(DialError::Alpn {
                addr,
                negotiated: other.map_or("nothing".into(), |name| {
                    String::from_utf8_lossy(name).into_owned()
                }),
            }),
        }
    }
}

/// An error and what is behind it; hyper says only the first half by itself.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// One HTTP/2 connection. Clones share it; it ends when all are gone and their streams
/// are over.
#[derive(Clone)]
pub struct H2(Arc<Shared>);

struct Shared {
    /// Taken by [`H2::close`]: hyper says goodbye when no sender is left.
    sender: Mutex<Option<SendRequest<Body>>>,
    authority: String,
    encrypted: bool,
    addr: SocketAddr,
    ended: CancellationToken,
    reason: OnceLock<String>,
}

impl H2 {
    /// Sends a request, and waits for the header of its response. That comes only with
    /// the first message of a quiet stream (spec loggregator-v2 §1.1): put no timeout
    /// on it. The request is on its way when this returns; dropping the future cancels
    /// the stream.
    ///
    /// # Errors
    /// The connection is closed or breaks, or the server resets the stream.
    pub fn send(
        &self,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, SendError>> + Send + 'static {
        if self.0.encrypted {
            set_https(&mut request);
        }
        let response = self.sender().map(|mut sender| sender.send_request(request));
        async move { Ok(response.ok_or(SendError::Closed)?.await?) }
    }

    /// The name that the server is asked for; for a request's authority.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Where it leads.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// No request can be sent any more: it broke, was closed, or the server said goodbye.
    pub fn is_closed(&self) -> bool {
        self.sender().is_none_or(|sender| sender.is_closed())
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.0.ended.cancelled().await;
    }

    /// Why it ended, if not in good order.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.get().map(String::as_str)
    }

    /// Lets the open streams finish, then ends the connection.
    pub fn close(&self) {
        self.lock().take();
    }

    fn sender(&self) -> Option<SendRequest<Body>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SendRequest<Body>>> {
        self.0.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for H2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H2")
            .field("addr", &self.0.addr)
            .field("authority", &self.0.authority)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// `:scheme` says how the request travels.
fn set_https(request: &mut Request<Body>) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = parts.authority.is_some().then_some(Scheme::HTTPS);
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}
