//! One connection to another role that everybody shares, kept up by a task of its own.

use std::{sync::Arc, time::Duration};

use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tonic::Status;

use crate::front::Part;

/// How long a reader waits for a connection that is down before it is told so. A
/// reference client comes back at once and gives up after eleven refusals in a row:
/// without this pause a restart of the other side would lose every reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bounds of the pause between two attempts to connect.
const REDIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A connection that ends sooner than this was refused in effect, such as over a
/// certificate: the pauses go on growing.
const STEADY: Duration = Duration::from_secs(5);

/// A shared connection. Clones are the same.
#[derive(Clone)]
pub(crate) struct Connection {
    open: watch::Receiver<Option<H2>>,
    /// Told when a connection takes no new stream although its old ones go on.
    replace: Arc<Notify>,
    /// Who is on the other side, and where.
    name: Arc<str>,
}

impl Connection {
    /// Connects to `target` and, with growing pauses, again whenever the connection
    /// is lost. `part` is ready while it is up, and `what` is the other side's name in
    /// messages. Ends with `shutdown`.
    pub(crate) fn keep(
        what: &'static str,
        target: Target,
        dialer: Dialer,
        resolver: Resolver,
        part: Part,
        shutdown: &Shutdown,
    ) -> Self {
        let (sender, open) = watch::channel(None);
        let name = format!("{what} {target}").into();
        let replace = Arc::new(Notify::new());
        let link = Link {
            what,
            target,
            dialer,
            resolver,
            part,
            sender,
            replace: replace.clone(),
        };
        let stop = shutdown.stop.clone();
        shutdown.tracker.spawn(async move {
            // Open streams keep their connection when this ends.
            tokio::select! {
                () = link.keep_up() => {}
                () = stop.cancelled() => {}
            }
        });
        Self {
            open,
            replace,
            name,
        }
    }

    /// The connection, once it is up.
    ///
    /// # Errors
    /// `Unavailable` if it is down for a second.
    pub(crate) async fn get(&self) -> Result<H2, Status> {
        let mut open = self.open.clone();
        let up = open.wait_for(|h2| match h2 {
            Some(h2) if h2.is_closed() => {
                self.replace.notify_one();
                false
            }
            other => other.is_some(),
        });
        let up = tokio::time::timeout(PATIENCE, up).await;
        let h2 = up.ok().and_then(Result::ok).and_then(|h2| h2.clone());
        h2.ok_or_else(|| Status::unavailable(format!("no connection to {}", self.name)))
    }
}

/// The task behind a [`Connection`].
struct Link {
    what: &'static str,
    target: Target,
    dialer: Dialer,
    resolver: Resolver,
    part: Part,
    sender: watch::Sender<Option<H2>>,
    replace: Arc<Notify>,
}

impl Link {
    async fn keep_up(self) {
        let mut backoff = Backoff::new(REDIAL.0, REDIAL.1);
        loop {
            let reason = match self.connect().await {
                Ok(h2) => {
                    tracing::info!("connected to {} {}", self.what, self.target);
                    let since = Instant::now();
                    self.part.ready();
                    self.sender.send_replace(Some(h2.clone()));
                    self.usable(&h2).await;
                    self.sender.send_replace(None);
                    if since.elapsed() >= STEADY {
                        backoff.reset();
                    }
                    let reason = h2.reason().unwrap_or("the other side said goodbye");
                    format!(
                        "the connection to {} {} ended: {reason}",
                        self.what, self.target
                    )
                }
                Err(reason) => format!("no connection to {}: {reason}", self.what),
            };
            tracing::warn!("{reason}");
            self.part.not_ready(reason);
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Waits until a connection takes no new stream. Those that are open go on.
    async fn usable(&self, h2: &H2) {
        loop {
            tokio::select! {
                () = h2.closed() => return,
                () = self.replace.notified() => {
                    // The notice may be about the connection before this one.
                    if h2.is_closed() {
                        return;
                    }
                }
            }
        }
    }

    /// Tries every address of the target.
    async fn connect(&self) -> Result<H2, String> {
        let addresses = self.resolver.resolve(&self.target).await;
        let addresses = addresses.map_err(|error| error.to_string())?;
        let mut reason = format!("{} has no address", self.target);
        for address in addresses {
            match self.dialer.connect(address).await {
                Ok(h2) => return Ok(h2),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }
}
