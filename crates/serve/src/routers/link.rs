//! The connections to one router, made as they are needed and shared by all readers.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
};
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

/// Pause before a router that could not be reached is dialled again.
const DIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What is known of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was not dialled yet.
    New,
    /// A connection to it is open.
    Up,
    /// It cannot be reached, or the connection to it was lost.
    Down,
}

/// One router.
pub(super) struct Link {
    pub(super) address: SocketAddr,
    /// Position of its zone in the settings.
    pub(super) zone: usize,
    pub(super) state: watch::Sender<State>,
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

/// One connection that many readers share, and its pauses while it cannot be made.
struct Connection {
    open: Option<H2>,
    wait: Backoff,
    /// Not dialled before this.
    rest: Option<Instant>,
}

impl Link {
    pub(super) fn new(address: SocketAddr, zone: usize, connections: usize) -> Self {
        let connection = |_| {
            Mutex::new(Connection {
                open: None,
                wait: Backoff::new(DIAL.0, DIAL.1),
                rest: None,
            })
        };
        Self {
            address,
            zone,
            state: watch::Sender::new(State::New),
            connections: (0..connections.max(1)).map(connection).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// The next connection in turn, as soon as it is open.
    pub(super) async fn connection(&self, dialer: &Dialer) -> H2 {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.open(turn, dialer).await
    }

    /// Keeps the first connection open also while nobody reads, so that it is known
    /// whether the router is there. `changed` is called whenever that changes.
    pub(super) async fn keep_up(&self, dialer: &Dialer, changed: impl Fn()) {
        loop {
            let connection = self.open(0, dialer).await;
            self.is(State::Up, &changed);
            connection.closing().await;
            self.is(State::Down, &changed);
        }
    }

    fn is(&self, state: State, changed: impl Fn()) {
        if self.state.send_replace(state) != state {
            changed();
        }
    }

    /// One reader dials, and all others wait for that: a router that is down is not
    /// dialled for each of them, and one that is back serves all of them at once.
    async fn open(&self, turn: usize, dialer: &Dialer) -> H2 {
        let mut connection = self.connections[turn].lock().await;
        loop {
            if let Some(open) = connection.open.as_ref().filter(|open| !open.is_closed()) {
                return open.clone();
            }
            if let Some(rest) = connection.rest {
                tokio::time::sleep_until(rest).await;
            }
            match dialer.connect(self.address).await {
                Ok(fresh) => {
                    connection.wait.reset();
                    connection.rest = None;
                    connection.open = Some(fresh);
                }
                Err(error) => {
                    let address = self.address;
                    if connection.rest.is_none() {
                        tracing::warn!("cannot reach the router {address}: {error}");
                    } else {
                        tracing::debug!("still cannot reach the router {address}: {error}");
                    }
                    self.state.send_if_modified(|state| {
                        let new = *state == State::New;
                        if new {
                            *state = State::Down;
                        }
                        new
                    });
                    connection.rest = Some(Instant::now() + connection.wait.next());
                }
            }
        }
    }
}
