use std::collections::VecDeque;

use futures_util::task::noop_waker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A transport that takes writes as its script says, and remembers each.
#[derive(Default)]
struct Scripted {
    /// For each write: most bytes taken, or `None` for Pending. Empty: everything.
    script: VecDeque<Option<usize>>,
    writes: Vec<Vec<u8>>,
    flushes: usize,
    shut: bool,
    input: VecDeque<u8>,
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 {
            let Some(byte) = self.input.pop_front() else {
                break;
            };
            buf.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        match self.script.pop_front() {
            Some(None) => return Poll::Pending,
            Some(Some(most)) => all.truncate(most),
            None => {}
        }
        let n = all.len();
        self.writes.push(all);
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

fn scripted(script: &[Option<usize>]) -> (Coalesced<Scripted>, Flusher<Scripted>) {
    coalesce(Scripted {
        script: script.iter().copied().collect(),
        ..Scripted::default()
    })
}

fn write(io: &mut Coalesced<Scripted>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(io).poll_write(&mut Context::from_waker(&noop_waker()), bytes)
}

fn written(io: &Coalesced<Scripted>) -> Vec<usize> {
    lock(&io.0).io.writes.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn small_writes_with_flushes_between_leave_as_one() {
    let (mut io, flusher) = scripted(&[]);
    let shared = io.0.clone();
    let connection = async move {
        for _ in 0..10 {
            io.write_all(b"frame").await.unwrap();
            io.flush().await.unwrap();
        }
        assert!(
            written(&io).is_empty(),
            "nothing leaves while there is more"
        );
        tokio::task::yield_now().await;
        assert_eq!(written(&io), [50]);
        io.write_all(b"last").await.unwrap();
        io
    };
    let io = flusher.drive(std::pin::pin!(connection)).await.unwrap();
    assert_eq!(written(&io), [50], "the end of a connection is finish's");
    flusher.finish().await.unwrap();
    assert_eq!(written(&io), [50, 4]);
    assert_eq!(lock(&shared).io.flushes, 2);
}

#[tokio::test]
async fn nothing_written_means_nothing_flushed() {
    let (_io, flusher) = scripted(&[]);
    flusher.finish().await.unwrap();
    assert_eq!(lock(&flusher.0).io.flushes, 0);
}

#[test]
fn a_large_write_goes_straight_through() {
    let (mut io, _flusher) = scripted(&[]);
    assert!(matches!(
        write(&mut io, &[7; DIRECT]),
        Poll::Ready(Ok(DIRECT))
    ));
    assert_eq!(written(&io), [DIRECT]);
}

#[test]
fn what_waits_goes_first_and_together_with_a_large_write() {
    let (mut io, _flusher) = scripted(&[]);
    assert!(write(&mut io, b"head").is_ready());
    assert!(matches!(
        write(&mut io, &[7; DIRECT]),
        Poll::Ready(Ok(DIRECT))
    ));
    assert_eq!(written(&io), [4 + DIRECT]);
    assert_eq!(lock(&io.0).io.writes[0][..5], *b"head\x07");
}

#[test]
fn a_full_buffer_is_written_out_not_grown() {
    let (mut io, _flusher) = scripted(&[]);
    let piece = [1; DIRECT - 1];
    for _ in 0..5 {
        assert!(matches!(write(&mut io, &piece), Poll::Ready(Ok(n)) if n == piece.len()));
    }
    assert_eq!(written(&io), [5 * piece.len()]);
}

#[test]
fn partial_writes_lose_and_double_nothing() {
    // The first takes half of what waits, the second ends within the new bytes.
    let (mut io, _flusher) = scripted(&[Some(2), Some(5)]);
    assert!(write(&mut io, b"head").is_ready());
    let body: Vec<u8> = (0..=255).cycle().take(DIRECT).collect();
    let Poll::Ready(Ok(n)) = write(&mut io, &body) else {
        panic!("the write was not taken");
    };
    assert_eq!(n, 3, "two of the five were waiting");
    assert!(matches!(write(&mut io, &body[n..]), Poll::Ready(Ok(m)) if m == DIRECT - n));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
    assert_eq!(
        lock(&io.0).io.writes.concat(),
        [b"head", &body[..]].concat()
    );
}

#[test]
fn pending_keeps_everything_and_pushes_back() {
    let (mut io, _flusher) = scripted(&[None, Some(3), None]);
    assert!(
        write(&mut io, b"head").is_ready(),
        "small writes do not wait"
    );
    assert!(write(&mut io, &[7; DIRECT]).is_pending());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut io).poll_flush(&mut cx).is_pending());
    assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
    assert_eq!(lock(&io.0).io.writes.concat(), b"head");
}

#[test]
fn small_writes_are_kept_behind_a_half_written_rest() {
    let (mut io, _flusher) = scripted(&[Some(3), None]);
    assert!(write(&mut io, b"first").is_ready());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut io).poll_flush(&mut cx).is_pending());
    assert!(write(&mut io, b"second").is_ready());
    assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
    assert_eq!(lock(&io.0).io.writes.concat(), b"firstsecond");
}

#[test]
fn a_transport_that_takes_nothing_is_an_error() {
    let (mut io, _flusher) = scripted(&[Some(0)]);
    assert!(write(&mut io, b"head").is_ready());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = Pin::new(&mut io).poll_flush(&mut cx) else {
        panic!("the flush did not fail");
    };
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[tokio::test]
async fn shutdown_writes_out_what_waits_even_under_a_driver() {
    let (mut io, flusher) = scripted(&[]);
    let connection = async {
        io.write_all(b"goodbye").await.unwrap();
        io.shutdown().await.unwrap();
    };
    flusher.drive(std::pin::pin!(connection)).await.unwrap();
    assert_eq!(lock(&io.0).io.writes.concat(), b"goodbye");
    assert!(lock(&io.0).io.shut);
}

#[tokio::test]
async fn a_failing_flush_ends_the_drive() {
    let (mut io, flusher) = scripted(&[Some(0)]);
    let connection = async move {
        io.write_all(b"x").await.unwrap();
        std::future::pending::<()>().await;
    };
    let error = flusher.drive(std::pin::pin!(connection)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[tokio::test]
async fn reads_pass_through_and_are_counted() {
    let (mut io, flusher) = coalesce(Scripted {
        input: b"hello".iter().copied().collect(),
        ..Scripted::default()
    });
    let mut text = String::new();
    io.read_to_string(&mut text).await.unwrap();
    assert_eq!((text.as_str(), flusher.received()), ("hello", 5));
}
