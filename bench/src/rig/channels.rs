//! `logweir run` with many channels of Logplex, a drain of each, and their receiver in this
//! process.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::BytesMut;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Request, header};
use logweir_net::body;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::logplex::{KEY, Logplex};
use crate::{fleet::Implementation, usage::Memory};

/// Requests at once while channels are made.
const HANDS: usize = 16;
/// A whole system with channels.
pub(crate) struct ChannelRig {
    logplex: Logplex,
    /// The token of each channel.
    tokens: Vec<String>,
    received: Arc<AtomicU64>,
    sink: JoinHandle<()>,
}

impl ChannelRig {
    /// Starts it and makes so many channels.
    pub(crate) async fn open(implementation: &Implementation, channels: usize) -> Result<Self> {
        let logplex = Logplex::start(implementation).await?;
        let received = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let mut rig = Self {
            logplex,
            tokens: Vec::new(),
            received: Arc::clone(&received),
            sink: tokio::spawn(accept(listener, received)),
        };
        let cred = json!({ "id": "bench", "pass": KEY, "grants": ["any_channel"] });
        rig.logplex.call("/api/logplex/creds", &cred).await?;
        let made = stream::iter(0..channels).map(|_| rig.channel(&url));
        let tokens: Vec<String> = made.buffer_unordered(HANDS).try_collect().await?;
        rig.tokens = tokens;
        Ok(rig)
    }

    /// A channel with a drain.
    async fn channel(&self, url: &str) -> Result<String> {
        let made = self
            .logplex
            .call("/channels", &json!({ "tokens": ["app"] }))
            .await?;
        let token = made["tokens"]["app"].as_str().context("no token")?;
        let path = format!("/v2/channels/{}/drains", made["channel_id"]);
        self.logplex.call(&path, &json!({ "url": url })).await?;
        Ok(token.to_owned())
    }

    /// Posts a line of 200 bytes to each of the first `active` channels, a hundred in a
    /// request.
    pub(crate) async fn post(&self, active: usize) -> Result<u64> {
        let content = "x".repeat(200);
        let cred = BASE64_STANDARD.encode(format!("bench:{KEY}"));
        let mut sent = 0;
        for tokens in self.tokens[..active.min(self.tokens.len())].chunks(100) {
            let mut frames = BytesMut::new();
            for token in tokens {
                let line = format!(
                    "<190>1 2026-11-21T12:00:00.000000+00:00 host {token} web.1 - - {content}"
                );
                frames.extend_from_slice(format!("{} {line}", line.len()).as_bytes());
            }
            let request = Request::post(format!("http://{}/logs", self.logplex.address))
                .header(header::AUTHORIZATION, format!("Basic {cred}"))
                .header(header::CONTENT_TYPE, "application/logplex-1")
                .body(body::full(frames.freeze()))?;
            self.logplex.send(request).await?;
            sent += tokens.len() as u64;
        }
        Ok(sent)
    }

    /// Frames that the receiver took so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.logplex.process.memory()
    }

    /// Processor seconds so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.logplex.process.cpu_seconds()
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.sink.abort();
        self.logplex.process.kill().await;
    }
}

async fn accept(listener: TcpListener, received: Arc<AtomicU64>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        connections.spawn(async move {
            // How a drain ends its connections is its own affair.
            let _ = take(tcp, &received).await;
        });
    }
}

async fn take(mut tcp: TcpStream, received: &AtomicU64) -> Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        while let Some((frames, length)) = request(&buffer)? {
            let _ = buffer.split_to(length);
            received.fetch_add(frames, Relaxed);
            tcp.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        }
        if tcp.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// How many frames the request at the front says it has, and its length, once it is whole.
fn request(buffer: &[u8]) -> Result<Option<(u64, usize)>> {
    let Some(end) = crate::load::find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&buffer[..end])?;
    let number = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        values.next().context("a header is missing")
    };
    let frames = number("Logplex-Msg-Count")?.parse()?;
    let length: usize = number("Content-Length")?.parse()?;
    let whole = end + 4 + length;
    Ok((buffer.len() >= whole).then_some((frames, whole)))
}
