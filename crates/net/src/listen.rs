//! Accept loops: TLS or plain text, HTTP/2 alone or HTTP/1.1 too, and an orderly end.
//!
//! A loop of our own because what is in force changes while it runs (certificates), and
//! because the requests must know who sent them ([`Peer`]).

mod connection;
mod plaintext;
mod settings;
mod stats;
mod streams;

pub use settings::{HttpSettings, Protocol};
pub use stats::ConnectionStats;
pub use streams::{StreamSettings, serve_streams};

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower_service::Service;

use crate::{body::Body, shutdown::Shutdown, tls::ServerTls};

/// Rest after a failed accept, for file descriptors or memory to come back.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}; {remedy}")]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
    remedy: &'static str,
}

/// Who is at the other end of a connection. In the extensions of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it connects from.
    pub addr: SocketAddr,
    /// DNS names of its verified certificate; none without one.
    pub names: Vec<String>,
}

/// Listens on `addr`; port 0 takes any free one.
///
/// # Errors
/// Names the address and what to do about it.
pub async fn bind(addr: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| BindError::new(addr, source))
}

impl BindError {
    /// What the system said of `addr`, with the remedy.
    pub fn new(addr: SocketAddr, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::AddrInUse => "stop the process that holds it, or choose another port",
            io::ErrorKind::PermissionDenied => {
                "choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE"
            }
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has the address; choose another, or 0.0.0.0"
            }
            _ => "choose another address",
        };
        Self {
            addr,
            source,
            remedy,
        }
    }
}

/// [`serve_counted`] for those who do not count.
pub async fn serve<S>(
    listener: TcpListener,
    tls: Option<ServerTls>,
    settings: HttpSettings,
    service: S,
    shutdown: Shutdown,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let stats = ConnectionStats::default();
    serve_counted(listener, tls, settings, stats, service, shutdown).await;
}

/// Accepts connections until `shutdown.stop`, each in a task on `shutdown.tracker`.
///
/// A connection then gets a GOAWAY, may finish its streams, and is dropped at
/// `shutdown.abort`. Beyond `settings.max_connections` nothing is accepted: further
/// clients wait in the kernel's backlog, as they do at the peers.
pub async fn serve_counted<S>(
    listener: TcpListener,
    tls: Option<ServerTls>,
    settings: HttpSettings,
    stats: ConnectionStats,
    service: S,
    shutdown: Shutdown,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let slots = slots(settings.max_connections);
    let door = Arc::new(connection::Door {
        tls,
        settings,
        stats,
    });
    let accepting = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            let (tcp, addr) = accept(&listener, &door.stats).await;
            let open = door.stats.open_one();
            let connection =
                connection::run(door.clone(), tcp, addr, service.clone(), shutdown.clone());
            shutdown.tracker.spawn(async move {
                connection.await;
                drop((open, slot));
            });
        }
    };
    tokio::select! {
        biased;
        () = shutdown.stop.cancelled() => {}
        () = accepting => {}
    }
}

fn slots(connections: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)))
}

/// The next connection. Failures to accept are counted, reported when they begin, and
/// waited out: they concern one client, or pass when others leave.
async fn accept(listener: &TcpListener, stats: &ConnectionStats) -> (TcpStream, SocketAddr) {
    let mut failures = 0_u64;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {
                tracing::debug!("a client left before it was accepted: {error}");
            }
            Err(error) => {
                stats.count_refused();
                if failures == 0 {
                    tracing::warn!(
                        "cannot accept connections: {error}; \
                         raise the limit of open files, or lower the limit of connections"
                    );
                }
                failures += 1;
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
