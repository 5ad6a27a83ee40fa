//! Receivers of drains: syslog over TCP and TLS, and batches over HTTPS. They read as fast as
//! they can, and one listener takes the connections of any number of drains.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use hdrhistogram::Histogram;
use logweir_net::{
    tls::{Alpn, ClientAuth, ServerTls},
    transport::Transport,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{Duration, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, identity::Identities, line, load::Mark, reader::Reader, tally::Tally};

/// Room for one read.
const READ: usize = 256 << 10;

/// Ends the head of a request.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// What drains speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Syslog over TCP.
    Syslog,
    /// Syslog over TLS.
    SyslogTls,
    /// Many messages in each HTTPS request.
    HttpsBatch,
}

impl Protocol {
    /// The URL of a receiver on this port.
    pub(crate) fn url(self, port: u16) -> String {
        let scheme = match self {
            Self::Syslog => "syslog",
            Self::SyslogTls => "syslog-tls",
            Self::HttpsBatch => "https-batch",
        };
        format!("{scheme}://127.0.0.1:{port}")
    }
}

/// Opens a receiver; what arrives goes into `tally`, where each connection counts as primed
/// once. Gives its port too.
pub(crate) async fn open(
    ids: &Identities,
    protocol: Protocol,
    tally: Arc<Tally>,
    clock: Clock,
) -> Result<(u16, Reader)> {
    let acceptor = match protocol {
        Protocol::Syslog => None,
        Protocol::SyslogTls | Protocol::HttpsBatch => {
            let tls = ServerTls::load(&ids.sink(), ClientAuth::None, &[], Alpn::Http1)?;
            Some(TlsAcceptor::from(tls.current()))
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let stop = CancellationToken::new();
    let sink = Sink {
        protocol,
        acceptor,
        tally,
        clock,
        stop: stop.clone(),
    };
    let task = tokio::spawn(sink.accept(listener));
    Ok((port, Reader::of(stop, task)))
}

/// A port that answers no connection, ever. It does while the sockets live.
pub(crate) async fn blackhole() -> Result<(u16, Vec<TcpStream>, TcpListener)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(1)?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    // Once its queue is full the kernel is silent.
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        waiting.push(connected?);
        if waiting.len() > 64 {
            bail!("the queue of a listener does not fill");
        }
    }
    Ok((address.port(), waiting, listener))
}

#[derive(Clone)]
struct Sink {
    protocol: Protocol,
    acceptor: Option<TlsAcceptor>,
    tally: Arc<Tally>,
    clock: Clock,
    stop: CancellationToken,
}

impl Sink {
    async fn accept(self, listener: TcpListener) -> Result<()> {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    connections.spawn(self.clone().connection(accepted?.0));
                }
                Some(_) = connections.join_next() => {}
                () = self.stop.cancelled() => break,
            }
        }
        // Each hands in its latencies.
        while connections.join_next().await.is_some() {}
        Ok(())
    }

    async fn connection(self, tcp: TcpStream) -> Result<()> {
        let mut late = Tally::histogram()?;
        let stopped = self.stop.cancelled();
        // How a drain ends its connections is its own affair: what did not arrive is seen.
        let outcome = stopped_or(stopped, self.read(tcp, &mut late)).await;
        self.tally.merge(&late);
        outcome
    }

    async fn read(&self, tcp: TcpStream, late: &mut Histogram<u64>) -> Result<()> {
        tcp.set_nodelay(true)?;
        let mut io = match &self.acceptor {
            None => Transport::Plain(tcp),
            Some(acceptor) => Transport::Tls(Box::new(acceptor.accept(tcp).await?.into())),
        };
        let mut buffer = BytesMut::with_capacity(2 * READ);
        let (mut marks, mut primed) = (Vec::new(), false);
        loop {
            buffer.reserve(READ);
            if io.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            let answers = match self.protocol {
                Protocol::HttpsBatch => requests(&mut buffer, &mut marks)?,
                Protocol::Syslog | Protocol::SyslogTls => {
                    messages(&mut buffer, &mut marks)?;
                    0
                }
            };
            if !marks.is_empty()
                && self.tally.add(marks.drain(..), self.clock.now(), late)
                && !primed
            {
                primed = true;
                self.tally.reader_primed();
            }
            for _ in 0..answers {
                io.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .await?;
            }
            io.flush().await?;
        }
    }
}

async fn stopped_or(
    stopped: impl Future<Output = ()>,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    tokio::select! {
        outcome = work => outcome,
        () = stopped => Ok(()),
    }
}

/// Takes the whole octet-counted messages off the front.
fn messages(buffer: &mut BytesMut, marks: &mut Vec<Option<Mark>>) -> Result<()> {
    loop {
        let head = &buffer[..buffer.len().min(12)];
        let Some(space) = head.iter().position(|byte| *byte == b' ') else {
            if head.len() == 12 {
                bail!("a message without a length");
            }
            return Ok(());
        };
        let length: usize = std::str::from_utf8(&head[..space])?.parse()?;
        let end = space + 1 + length;
        let Some(message) = buffer.get(space + 1..end) else {
            return Ok(());
        };
        marks.push(line::mark(message));
        buffer.advance(end);
    }
}

/// Takes the whole requests off the front, and says how many they were.
fn requests(buffer: &mut BytesMut, marks: &mut Vec<Option<Mark>>) -> Result<usize> {
    let mut count = 0;
    loop {
        // A head is small; a body is not searched.
        let head = &buffer[..buffer.len().min(8 << 10)];
        let Some(head) = crate::load::find(head, HEAD_END) else {
            return Ok(count);
        };
        let body = head + HEAD_END.len();
        let end = body + content_length(&buffer[..head])?;
        let Some(bytes) = buffer.get(body..end) else {
            return Ok(count);
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        marks.extend(lines.map(line::mark));
        buffer.advance(end);
        count += 1;
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = lengths.next().context("a request without a length")?;
    Ok(length.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_requests_are_taken_whole() {
        let mut marks = Vec::new();
        let mut buffer = BytesMut::from(&b"5 abcd\n3 xy"[..]);
        messages(&mut buffer, &mut marks).unwrap();
        assert_eq!((&buffer[..], marks.len()), (&b"3 xy"[..], 1));
        buffer.extend_from_slice(b"z");
        messages(&mut buffer, &mut marks).unwrap();
        assert_eq!((buffer.len(), marks.len()), (0, 2));
        assert!(messages(&mut BytesMut::from(&b"POST / HTTP/1.1"[..]), &mut marks).is_err());

        let request = b"POST / HTTP/1.1\r\ncontent-Length: 4\r\n\r\na\nb\nPOST";
        let mut buffer = BytesMut::from(&request[..]);
        marks.clear();
        assert_eq!(requests(&mut buffer, &mut marks).unwrap(), 1);
        assert_eq!((&buffer[..], marks.len()), (&b"POST"[..], 2));
    }
}
