//! Joins the small writes of many HTTP/2 streams into few TLS records and system calls.
//!
//! The HTTP/2 layer writes and flushes after every DATA frame of 256 bytes or more.
//! Over TLS each of these would be a record and a system call of its own. So a
//! [`Coalesced`] transport keeps small writes, and flushes when its connection has
//! nothing more to do at the moment: [`Flusher::drive`] polls the connection, then
//! flushes. Both run in the same task, so the lock between them is never waited for.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes kept back; two full TLS records.
const KEPT: usize = 32 << 10;

/// A write of this size is not kept back: copying it would cost more than its record.
const DIRECT: usize = 8 << 10;

/// Slices of one write that are passed on together.
const SLICES: usize = 16;

/// The connection's side: reads pass through, small writes are kept.
pub(crate) struct Coalesced<T>(Arc<Mutex<Shared<T>>>);

/// The driver's side of the same transport.
pub(crate) struct Flusher<T>(Arc<Mutex<Shared<T>>>);

struct Shared<T> {
    io: T,
    kept: Vec<u8>,
    /// How much of `kept` has been written already.
    written: usize,
    /// Something was written since the last complete flush.
    dirty: bool,
    /// The driver polls the connection right now, and flushes after that; so a flush
    /// that the connection asks for can wait.
    driven: bool,
    /// Bytes read so far.
    received: u64,
}

/// Wraps a transport. A flush is put off only while [`Flusher::drive`] runs.
pub(crate) fn coalesce<T>(io: T) -> (Coalesced<T>, Flusher<T>) {
    let shared = Arc::new(Mutex::new(Shared {
        io,
        kept: Vec::new(),
        written: 0,
        dirty: false,
        driven: false,
        received: 0,
    }));
    (Coalesced(shared.clone()), Flusher(shared))
}

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Flusher<T> {
    /// Polls the connection and flushes what it wrote in that go. May be dropped and
    /// called again. An error is one of the flush, which the connection cannot see.
    pub(crate) async fn drive<F: Future + ?Sized>(
        &self,
        mut connection: Pin<&mut F>,
    ) -> io::Result<F::Output> {
        poll_fn(|cx| {
            lock(&self.0).driven = true;
            let output = connection.as_mut().poll(cx);
            let mut shared = lock(&self.0);
            shared.driven = false;
            if let Poll::Ready(output) = output {
                return Poll::Ready(Ok(output));
            }
            match shared.poll_flush(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Flushes what the finished connection left. Its transport may live on without a
    /// driver, in a protocol upgrade.
    pub(crate) async fn finish(&self) -> io::Result<()> {
        poll_fn(|cx| lock(&self.0).poll_flush(cx)).await
    }

    /// Bytes that the peer has sent so far.
    pub(crate) fn received(&self) -> u64 {
        lock(&self.0).received
    }
}

impl<T: AsyncWrite + Unpin> Shared<T> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        self.dirty = true;
        loop {
            let waiting = self.kept.len() - self.written;
            if total < DIRECT && waiting + total <= KEPT {
                self.keep(bufs);
                return Poll::Ready(Ok(total));
            }
            if waiting == 0 {
                return Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
            }
            // What waits goes first, together with as much of the new as fits.
            let mut slices = [IoSlice::new(&[]); SLICES];
            slices[0] = IoSlice::new(&self.kept[self.written..]);
            let mut used = 1;
            for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
                if used == SLICES {
                    break;
                }
                slices[used] = IoSlice::new(buf);
                used += 1;
            }
            let n = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..used]))?;
            self.advance(n.min(waiting))?;
            if n > waiting {
                return Poll::Ready(Ok(n - waiting));
            }
        }
    }

    fn keep(&mut self, bufs: &[IoSlice<'_>]) {
        if self.written > 0 {
            self.kept.drain(..self.written);
            self.written = 0;
        }
        for buf in bufs {
            self.kept.extend_from_slice(buf);
        }
    }

    /// `n` bytes of the kept ones have gone out.
    fn advance(&mut self, n: usize) -> io::Result<()> {
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += n;
        if self.written == self.kept.len() {
            self.kept.clear();
            self.written = 0;
        }
        Ok(())
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.kept.len() {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, &self.kept[self.written..]))?;
            self.advance(n)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.dirty {
            ready!(self.poll_drain(cx))?;
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.dirty = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Coalesced<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        let before = buf.filled().len();
        ready!(Pin::new(&mut shared.io).poll_read(cx, buf))?;
        shared.received += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Coalesced<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        if shared.driven {
            return Poll::Ready(Ok(()));
        }
        shared.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        ready!(shared.poll_drain(cx))?;
        Pin::new(&mut shared.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
