//! A syslog receiver over TCP that misbehaves as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What is done with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Everything is read.
    Read,
    /// It is closed once so many bytes were read.
    CloseAfter(usize),
    /// It is closed at once.
    Slam,
    /// It is kept and nothing is read.
    Deaf,
    /// It is written to without end.
    Babble,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    messages: Mutex<Vec<String>>,
    connections: AtomicUsize,
    closed: AtomicUsize,
}

impl Receiver {
    /// Does to the connections what `acts` say, in order; the last one goes on for ever.
    pub(crate) async fn start(acts: &[Act]) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), acts, None).await
    }

    pub(crate) async fn at(address: SocketAddr, acts: &[Act], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let seen = Arc::<Seen>::default();
        Self {
            address: listener.local_addr().unwrap(),
            task: tokio::spawn(accept(listener, acts.to_vec(), tls, seen.clone())),
            seen,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("syslog://{}", self.address)
    }

    /// The bodies of all messages that came whole, in the order in which they came.
    pub(crate) fn texts(&self) -> Vec<String> {
        let messages = self.seen.messages.lock().unwrap();
        let text = |message: &String| {
            let (_, text) = message.split_once("] ").unwrap();
            text.split("] ").last().unwrap().trim_end().to_owned()
        };
        messages.iter().map(text).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.messages.lock().unwrap().len()
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        self.seen.messages.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Relaxed)
    }

    pub(crate) fn closed(&self) -> usize {
        self.seen.closed.load(Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acts: Vec<Act>, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let number = seen.connections.fetch_add(1, Relaxed);
        let act = acts[number.min(acts.len() - 1)];
        let (seen, tls) = (seen.clone(), tls.clone());
        connections.spawn(async move {
            match (act, tls) {
                (Act::Slam, _) => {}
                (Act::Deaf, _) => {
                    let _tcp = tcp;
                    std::future::pending::<()>().await;
                }
                (Act::Babble, _) => {
                    let mut tcp = tcp;
                    while tcp.write_all(&[b'x'; 4096]).await.is_ok() {}
                }
                (act, None) => read(tcp, act, &seen).await,
                (act, Some(tls)) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        read(stream, act, &seen).await;
                    }
                }
            }
        });
    }
}

async fn read(mut from: impl AsyncRead + Unpin, act: Act, seen: &Seen) {
    let most = match act {
        Act::CloseAfter(bytes) => bytes,
        _ => usize::MAX,
    };
    let (mut buffer, mut total) = (Vec::new(), 0);
    while total < most {
        let room = (most - total).min(64 << 10);
        let mut space = vec![0; room];
        match from.read(&mut space).await {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                total += count;
                buffer.extend_from_slice(&space[..count]);
            }
        }
        let used = split(&buffer, |message| {
            seen.messages.lock().unwrap().push(message);
        });
        buffer.drain(..used);
    }
    seen.closed.fetch_add(1, Relaxed);
}

/// Takes octet-counted messages off the front. Returns the bytes that they took.
fn split(mut bytes: &[u8], mut take: impl FnMut(String)) -> usize {
    let mut used = 0;
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let count: usize = std::str::from_utf8(&bytes[..space])
            .unwrap()
            .parse()
            .unwrap();
        let Some(message) = bytes.get(space + 1..space + 1 + count) else {
            break;
        };
        take(String::from_utf8(message.to_vec()).unwrap());
        used += space + 1 + count;
        bytes = &bytes[space + 1 + count..];
    }
    used
}
