//! One client of a TCP door.

use std::{net::SocketAddr, pin::pin, time::Duration};

use logweir_net::transport::Transport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Bytes that are read at a time.
const READ: usize = 16 << 10;

/// After a stop, a client that has sent nothing for this long has sent all it had.
const QUIET: Duration = Duration::from_millis(20);

/// After a stop, no client is read for longer.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Far enough for a client that may be quiet.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the bytes of one client become. Never waits.
pub(crate) trait Stream: Send {
    /// Takes what was read, and hands on the messages in it.
    fn take(&mut self, bytes: &[u8]) -> Goes;

    /// How long to wait for more before [`rest`](Stream::rest) is called, if it is to be.
    fn patience(&self) -> Option<Duration>;

    /// Nothing more came for that long.
    fn rest(&mut self);

    /// The client has left.
    fn finish(&mut self);
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    On,
    Over,
}

/// A client and what its bytes become.
pub(crate) struct Connection<S> {
    transport: Transport,
    from: SocketAddr,
    stream: S,
    idle: Duration,
}

impl<S: Stream> Connection<S> {
    /// A client that is silent for `idle` is let go; never if that is zero.
    pub(crate) fn new(transport: Transport, from: SocketAddr, stream: S, idle: Duration) -> Self {
        Self {
            transport,
            from,
            stream,
            idle: match idle {
                Duration::ZERO => FOREVER,
                idle => idle,
            },
        }
    }

    /// Reads until the client leaves, breaks its framing or is silent for too long. After a
    /// stop what has arrived is read.
    pub(crate) async fn read(mut self, stop: &CancellationToken) {
        self.read_out(stop).await;
        self.stream.finish();
        // TLS says goodbye, to those who listen.
        let _ = timeout(GOODBYE, self.transport.shutdown()).await;
    }

    async fn read_out(&mut self, stop: &CancellationToken) {
        let mut buffer = vec![0; READ];
        // A token of its own: the shared one's lock would be taken at every wake-up.
        let stop = stop.child_token();
        let mut stopped = pin!(stop.cancelled());
        let mut heard = Instant::now();
        loop {
            let patience = self.stream.patience();
            let until = heard + patience.unwrap_or(self.idle).min(self.idle);
            let read = tokio::select! {
                biased;
                () = &mut stopped => break,
                read = timeout_at(until, self.transport.read(&mut buffer)) => read,
            };
            let Ok(read) = read else {
                if patience.is_some() {
                    self.stream.rest();
                    continue;
                }
                tracing::debug!("{}: the client was silent for {:?}", self.from, self.idle);
                return;
            };
            heard = Instant::now();
            if self.took(read.map(|length| &buffer[..length])) == Goes::Over {
                return;
            }
        }
        let until = Instant::now() + DRAIN;
        loop {
            let quiet = (Instant::now() + QUIET).min(until);
            let Ok(read) = timeout_at(quiet, self.transport.read(&mut buffer)).await else {
                break;
            };
            let over = self.took(read.map(|length| &buffer[..length])) == Goes::Over;
            if over || Instant::now() >= until {
                break;
            }
        }
    }

    fn took(&mut self, read: std::io::Result<&[u8]>) -> Goes {
        let bytes = match read {
            Ok([]) => return Goes::Over,
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::debug!("{}: the connection broke: {error}", self.from);
                return Goes::Over;
            }
        };
        self.stream.take(bytes)
    }
}
