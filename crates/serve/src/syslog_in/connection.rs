//! One client of the TCP door.

use std::{net::SocketAddr, pin::pin, time::Duration};

use logweir_net::transport::Transport;
use logweir_wire::syslog::framing::Decoder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{config::SyslogConfig, intake::Intake};
use crate::datagram_door::Intake as _;

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

/// A client and what its bytes become.
pub(super) struct Connection {
    transport: Transport,
    from: SocketAddr,
    intake: Intake,
    decoder: Decoder,
    idle: Duration,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

impl Connection {
    pub(super) fn new(
        transport: Transport,
        from: SocketAddr,
        intake: Intake,
        config: &SyslogConfig,
    ) -> Self {
        Self {
            transport,
            from,
            intake,
            decoder: Decoder::new(config.message_bytes),
            idle: match config.idle_timeout {
                Duration::ZERO => FOREVER,
                idle => idle,
            },
        }
    }

    /// Reads until the client leaves, breaks its framing or is silent for too long. After a
    /// stop what has arrived is read.
    pub(super) async fn read(mut self, stop: &CancellationToken) {
        self.read_out(stop).await;
        self.finish();
        // TLS says goodbye, to those who listen.
        let _ = timeout(GOODBYE, self.transport.shutdown()).await;
    }

    async fn read_out(&mut self, stop: &CancellationToken) {
        let mut buffer = vec![0; READ];
        // A token of its own: the shared one's lock would be taken at every wake-up.
        let stop = stop.child_token();
        let mut stopped = pin!(stop.cancelled());
        loop {
            let read = tokio::select! {
                biased;
                () = &mut stopped => break,
                read = timeout(self.idle, self.transport.read(&mut buffer)) => read,
            };
            let Ok(read) = read else {
                tracing::debug!("{}: the client was silent for {:?}", self.from, self.idle);
                return;
            };
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

    /// Takes what was read, and hands on the messages in it.
    fn took(&mut self, read: std::io::Result<&[u8]>) -> Goes {
        let bytes = match read {
            Ok([]) => return Goes::Over,
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::debug!("{}: the connection broke: {error}", self.from);
                return Goes::Over;
            }
        };
        self.decoder.push(bytes);
        let mut goes = Goes::On;
        while let Some(message) = self.decoder.next_message() {
            match message {
                Ok(message) => self.intake.take(message),
                Err(error) => {
                    self.intake.counts.broken(self.from, &error);
                    if error.is_fatal() {
                        goes = Goes::Over;
                    }
                }
            }
        }
        self.intake.send_on();
        goes
    }

    /// The stream is over: its last line may lack a newline.
    fn finish(&mut self) {
        match self.decoder.finish() {
            Some(Ok(message)) => self.intake.take(message),
            Some(Err(error)) => self.intake.counts.broken(self.from, &error),
            None => {}
        }
        self.intake.send_on();
    }
}
