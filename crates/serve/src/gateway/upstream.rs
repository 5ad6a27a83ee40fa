//! Where the gateway's streams come from.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue};
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_proto::{service, v2};
use prost::Message;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tonic::Status;

use crate::{
    front::Part,
    grpc::{MAX_MESSAGE_HEADER, Readers},
    outage::Outage,
};

/// The batches of one stream, each the bytes of an `EnvelopeBatch`.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Largest batch taken from a reverse log proxy, in bytes. It is told, so that ours
/// sends more at a time than a Go client's 4 MiB.
const MESSAGE_BYTES: usize = 16 << 20;

/// How long a reader waits for a connection that is down before it is told so. A
/// reference client comes back at once and gives up after eleven refusals in a row:
/// without this pause a restart of the reverse log proxy would lose every reader.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);

/// Bounds of the pause between two attempts to connect.
const REDIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A connection that ends sooner than this was refused in effect, such as over a
/// certificate: the pauses go on growing.
const STEADY: Duration = Duration::from_secs(5);

/// Where batches come from: another process, or this one.
#[derive(Clone)]
pub enum Upstream {
    /// A reverse log proxy over gRPC.
    Remote(RemoteRlp),
    /// The readers of this process's exchange.
    Local(Arc<Readers>),
}

impl Upstream {
    /// Opens a stream. A remote one may still be refused in its first item.
    pub(super) async fn open(
        &self,
        request: v2::EgressBatchRequest,
    ) -> Result<BatchStream, Status> {
        match self {
            Upstream::Remote(remote) => remote.open(&request).await,
            Upstream::Local(readers) => Ok(readers.open(request, Some(MESSAGE_BYTES))?.boxed()),
        }
    }
}

/// One shared connection to a reverse log proxy, kept up by a task of its own.
#[derive(Clone)]
pub struct RemoteRlp {
    connection: watch::Receiver<Option<H2>>,
    /// Told when a connection takes no new stream although its old ones go on.
    replace: Arc<Notify>,
    target: String,
}

impl RemoteRlp {
    /// Connects to `target` and, with growing pauses, again whenever the connection
    /// is lost. `part` is ready while it is up. Ends with `shutdown`.
    pub fn start(
        target: Target,
        dialer: Dialer,
        resolver: Resolver,
        part: Part,
        shutdown: &Shutdown,
    ) -> Self {
        let (sender, connection) = watch::channel(None);
        let name = target.to_string();
        let replace = Arc::new(Notify::new());
        let link = Link {
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
            connection,
            replace,
            target: name,
        }
    }

    /// Opens a stream; it may still be refused in its first item.
    pub(crate) async fn open(
        &self,
        request: &v2::EgressBatchRequest,
    ) -> Result<BatchStream, Status> {
        let h2 = self.connection().await?;
        let mut extra = HeaderMap::new();
        extra.insert(MAX_MESSAGE_HEADER, HeaderValue::from(MESSAGE_BYTES));
        let request = Bytes::from(request.encode_to_vec());
        let path = service::BATCHED_RECEIVER;
        let messages = grpc::server_stream(&h2, path, request, extra, MESSAGE_BYTES);
        let batches = stream::unfold(messages, |mut messages| async move {
            let next = messages.next().await.transpose()?;
            Some((next, messages))
        });
        Ok(batches.boxed())
    }

    async fn connection(&self) -> Result<H2, Status> {
        let mut connection = self.connection.clone();
        let up = connection.wait_for(|h2| match h2 {
            Some(h2) if h2.is_closed() => {
                self.replace.notify_one();
                false
            }
            other => other.is_some(),
        });
        let up = tokio::time::timeout(CONNECTION_PATIENCE, up).await;
        let h2 = up.ok().and_then(Result::ok).and_then(|h2| h2.clone());
        h2.ok_or_else(|| {
            Status::unavailable(format!(
                "no connection to the reverse log proxy {}",
                self.target
            ))
        })
    }
}

/// The task behind a [`RemoteRlp`].
struct Link {
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
        let mut outage = Outage::default();
        let mut news = true;
        loop {
            let reason = match self.connect().await {
                Ok(h2) => {
                    if news {
                        tracing::info!("connected to the reverse log proxy {}", self.target);
                    }
                    let since = Instant::now();
                    self.part.ready();
                    self.sender.send_replace(Some(h2.clone()));
                    self.usable(&h2).await;
                    self.sender.send_replace(None);
                    if since.elapsed() >= STEADY {
                        backoff.reset();
                        outage.over();
                    }
                    let reason = h2.reason().unwrap_or("the other side said goodbye");
                    format!(
                        "the connection to the reverse log proxy {} ended: {reason}",
                        self.target
                    )
                }
                Err(reason) => format!("no connection to the reverse log proxy: {reason}"),
            };
            news = outage.failed(&reason, Instant::now());
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
