//! An open connection to a syslog receiver: writes while it watches whether anybody is there.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use logweir_net::transport::Transport;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use super::{Failure, dial::Connection};

/// Most bytes that are encrypted before they are flushed. What was encrypted but did not
/// leave when the connection broke is sent again, so this bounds what may arrive twice.
const PIECE: usize = 64 << 10;

/// Receivers of syslog send nothing. One that sends more than this is something else.
const SMALL_TALK: usize = 64 << 10;

/// How long a receiver may take over its judgement of our certificate, or to end a connection
/// that it does not want. Most need a millisecond; one that says nothing is satisfied.
const JUDGEMENT: Duration = Duration::from_millis(250);

/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Line {
    transport: Transport,
    /// Bytes that the receiver has sent.
    heard: usize,
}

impl Line {
    /// Takes a connection that was just opened. If the receiver is still to judge our
    /// certificate, or is `dubious`, its word is waited for, shortly.
    pub(super) async fn open(connection: Connection, dubious: bool) -> Result<Self, Failure> {
        let mut line = Self {
            transport: connection.transport,
            heard: 0,
        };
        if (connection.judged_later || dubious)
            && let Ok(failure) = timeout(JUDGEMENT, line.gone()).await
        {
            return Err(failure);
        }
        Ok(line)
    }

    /// Waits until the receiver is gone.
    pub(super) async fn gone(&mut self) -> Failure {
        poll_fn(|context| self.poll_gone(context)).await
    }

    /// Ready once the receiver is gone. What it says is heard and forgotten.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        let mut space = [0; 512];
        while self.heard <= SMALL_TALK {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.transport).poll_read(context, &mut buffer)) {
                Err(error) => return Poll::Ready(Failure::of_io(&error)),
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Failure::Closed),
                Ok(()) => self.heard += buffer.filled().len(),
            }
        }
        Poll::Ready(Failure::Talks)
    }

    /// Writes all of `bytes`. Returns how many left, and why not all of them did.
    pub(super) async fn write(
        &mut self,
        bytes: &[u8],
        patience: Duration,
    ) -> (usize, Result<(), Failure>) {
        let mut left = 0;
        while left < bytes.len() {
            let step = match self.transport {
                Transport::Plain(_) => timeout(patience, self.some(&bytes[left..])).await,
                Transport::Tls(_) => {
                    let piece = &bytes[left..bytes.len().min(left + PIECE)];
                    timeout(patience, self.whole(piece)).await
                }
            };
            match step {
                Ok(Ok(count)) => left += count,
                Ok(Err(failure)) => return (left, Err(failure)),
                Err(_) => return (left, Err(Failure::Stalled(patience))),
            }
        }
        (left, Ok(()))
    }

    /// As much as the kernel takes.
    async fn some(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        poll_fn(|context| {
            if let Poll::Ready(failure) = self.poll_gone(context) {
                return Poll::Ready(Err(failure));
            }
            self.poll_write(context, bytes)
        })
        .await
    }

    /// A piece, to the last byte of its last record.
    async fn whole(&mut self, piece: &[u8]) -> Result<usize, Failure> {
        let mut written = 0;
        poll_fn(|context| {
            if let Poll::Ready(failure) = self.poll_gone(context) {
                return Poll::Ready(Err(failure));
            }
            while written < piece.len() {
                written += ready!(self.poll_write(context, &piece[written..]))?;
            }
            let flushed = ready!(Pin::new(&mut self.transport).poll_flush(context));
            Poll::Ready(flushed.map_err(|error| Failure::of_io(&error)))
        })
        .await?;
        Ok(piece.len())
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>> {
        match ready!(Pin::new(&mut self.transport).poll_write(context, bytes)) {
            Ok(0) => Poll::Ready(Err(Failure::Closed)),
            Ok(count) => Poll::Ready(Ok(count)),
            Err(error) => Poll::Ready(Err(Failure::of_io(&error))),
        }
    }

    /// Ends the connection: what was written still arrives.
    pub(super) async fn close(mut self) {
        let _ = timeout(FAREWELL, self.transport.shutdown()).await;
    }
}
