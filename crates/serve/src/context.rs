//! What a role gets from the process that plays it, and what it gives back.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use logweir_net::{
    listen::BindError,
    shutdown::Shutdown,
    tls::{self, ClientTls, ServerTls, TlsError, TlsHandle},
};
use logweir_route::{Exchange, ledger::causes};
use tokio::sync::{Notify, watch};

use crate::settings::Live;

/// What every role of a process shares.
#[derive(Clone)]
pub struct ServeContext {
    /// Ends the process in order.
    pub shutdown: Shutdown,
    /// Certificates are read again when this is notified, and when they change.
    pub reload: Arc<Notify>,
    /// Settings that change while the process runs.
    pub live: watch::Receiver<Live>,
    /// Write one line for each HTTP request to standard output, as the gateway of
    /// the peers does.
    pub access_log: bool,
    /// Open a door beyond loopback though nothing guards it (`--insecure`).
    pub insecure: bool,
}

/// Why a role did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A door could not be opened.
    #[error("cannot open the {door} door: {source}")]
    Bind {
        /// Name of the door.
        door: &'static str,
        /// What the system said, and the remedy.
        source: BindError,
    },
    /// Certificates could not be loaded.
    #[error("cannot load the certificates of {part}: {source}")]
    Tls {
        /// Whose certificates.
        part: &'static str,
        /// Which file, and the remedy.
        source: Box<TlsError>,
    },
    /// A setting that only shows to be wrong when it is used.
    #[error("{0}")]
    Setting(String),
}

/// A role that runs. Every door is bound.
pub struct Started {
    doors: Vec<(&'static str, SocketAddr)>,
    exchanges: Vec<(&'static str, Arc<Exchange>)>,
}

impl Started {
    pub(crate) fn new() -> Self {
        Self {
            doors: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    pub(crate) fn door(&mut self, name: &'static str, address: SocketAddr) {
        self.doors.push((name, address));
    }

    pub(crate) fn hop(&mut self, name: &'static str, exchange: &Arc<Exchange>) {
        self.exchanges.push((name, Arc::clone(exchange)));
    }

    /// The bound address of a door.
    pub fn address(&self, door: &str) -> Option<SocketAddr> {
        self.doors
            .iter()
            .find(|(name, _)| *name == door)
            .map(|(_, address)| *address)
    }

    /// Every door with its bound address.
    pub fn doors(&self) -> &[(&'static str, SocketAddr)] {
        &self.doors
    }

    /// The balance of each hop of this role, a few lines of text.
    pub fn ledger(&self) -> String {
        let mut text = String::new();
        for (name, exchange) in &self.exchanges {
            let stats = exchange.stats();
            let (ingress, queues) = (stats.ingress, stats.queues);
            let _ = writeln!(
                text,
                "{name}: ingress {} (unmatched {}, malformed {}), offered {} = egress {} + \
                 dropped {} + queued {}",
                ingress.ingress,
                ingress.unmatched,
                ingress.malformed,
                queues.offered,
                queues.taken,
                queues.dropped_total(),
                queues.queued,
            );
            let losses = exchange.losses();
            for (cause, lost) in causes(losses.by_cause()) {
                let _ = writeln!(text, "{name}: dropped {lost} for {}", cause.name());
            }
            let (top, _) = losses.top(10);
            for (source, counts) in top {
                let total: u64 = counts.iter().sum();
                let _ = writeln!(text, "{name}: dropped {total} of source {source:?}");
            }
        }
        text
    }

    /// The ledger, and the depth of every queue.
    pub fn dump(&self) -> String {
        let mut text = self.ledger();
        for (name, exchange) in &self.exchanges {
            for (id, shard, stats) in exchange.subscriptions() {
                let _ = writeln!(
                    text,
                    "{name}: queue {id} (shard {shard:?}): {} envelopes, {} bytes, taken {}, \
                     dropped {}",
                    stats.queued,
                    stats.queued_bytes,
                    stats.taken,
                    stats.dropped_total(),
                );
            }
        }
        text
    }
}

impl ServeContext {
    /// Certificates are looked at for changes this often.
    const WATCH_PERIOD: std::time::Duration = std::time::Duration::from_secs(10);

    /// Reads the certificates of a role again when they change.
    pub(crate) fn watch_tls(&self, servers: Vec<ServerTls>, clients: Vec<ClientTls>) {
        let handles = servers
            .into_iter()
            .map(TlsHandle::from)
            .chain(clients.into_iter().map(TlsHandle::from))
            .collect();
        let watch = tls::watch(
            handles,
            Self::WATCH_PERIOD,
            Arc::clone(&self.reload),
            self.shutdown.stop.clone(),
        );
        self.shutdown.tracker.spawn(watch);
    }
}
