use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Failed handshakes are logged as warnings this often at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What became of a door's connections. Clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct ConnectionStats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    tls_failures: AtomicU64,
    refused: AtomicU64,
    /// When a failed handshake was last logged as a warning.
    told: Mutex<Option<Instant>>,
}

impl ConnectionStats {
    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Relaxed)
    }

    /// Connections that stand now, those in their TLS handshake included.
    pub fn open(&self) -> u64 {
        self.0.open.load(Relaxed)
    }

    /// Connections that ended in their TLS handshake: bad certificates, plain text,
    /// stalled clients.
    pub fn tls_failures(&self) -> u64 {
        self.0.tls_failures.load(Relaxed)
    }

    /// How often the system could not accept, mostly for lack of file descriptors.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    pub(super) fn open_one(&self) -> Open {
        self.0.accepted.fetch_add(1, Relaxed);
        self.0.open.fetch_add(1, Relaxed);
        Open(self.clone())
    }

    /// Counts a client that did not get through its TLS handshake, and says why: once
    /// a second at most, since strangers decide how many of them there are.
    pub(super) fn tls_failure(&self, addr: SocketAddr, reason: &str) {
        let failures = self.0.tls_failures.fetch_add(1, Relaxed) + 1;
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if due {
            *told = Some(Instant::now());
            tracing::warn!(%addr, failures, "TLS handshake failed: {reason}");
        } else {
            tracing::debug!(%addr, "TLS handshake failed: {reason}");
        }
    }

    pub(super) fn count_refused(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }
}

/// One connection counts as open for as long as this lives.
pub(super) struct Open(ConnectionStats);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Relaxed);
    }
}
