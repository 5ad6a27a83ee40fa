//! `logweir run` as Logplex: its API over HTTP, senders to one channel and a tail of it.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Request, header};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{fleet::Implementation, load::BATCH, process::Process, usage::Memory};

/// How long the process may take to open its doors.
const OPENING: Duration = Duration::from_secs(30);
/// The key of the API.
pub(super) const KEY: &str = "bench";
/// What is remembered of lines.
const STORE: u64 = 16 << 20;
/// Connections that send.
const SENDERS: usize = 4;
/// Bytes of a frame, its length included.
const FRAME: usize = 200;
/// The bytes that a tail is read in.
const READ: usize = 256 << 10;

/// A whole system.
pub(crate) struct Logplex {
    pub(super) process: Process,
    http: HttpClient,
    pub(super) address: String,
    _data: TempDir,
}

impl Logplex {
    /// Starts it.
    pub(super) async fn start(implementation: &Implementation) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let key = ("LOGWEIR_LOGPLEX_AUTH_KEY", KEY.to_owned());
        let process = implementation
            .everything(data.path(), STORE, &[key])
            .await?;
        let file = data.path().join("endpoints.json");
        let doors = async {
            loop {
                let text = fs::read(&file).unwrap_or_default();
                match serde_json::from_slice::<BTreeMap<String, String>>(&text) {
                    Ok(doors) => return doors,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let doors = timeout(OPENING, doors).await.context("no endpoints.json")?;
        let address = doors.get("http").context("no door http")?;
        Ok(Self {
            process,
            http: HttpClient::new(None, None, HttpClientSettings::default()),
            address: address.clone(),
            _data: data,
        })
    }

    /// Asks the API for something new.
    pub(super) async fn call(&self, path: &str, asked: &Value) -> Result<Value> {
        let request = Request::post(format!("http://{}{path}", self.address))
            .header(header::AUTHORIZATION, format!("Basic {KEY}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body::full(asked.to_string()))?;
        let answer = self.send(request).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Sends a request that is to succeed.
    pub(super) async fn send(&self, request: Request<body::Body>) -> Result<Vec<u8>> {
        let path = request.uri().path().to_owned();
        let answer = self.http.send(request).await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path} answers {status}");
        Ok(answer.body().to_vec())
    }
}

/// One channel, who writes to it, and one tail.
pub(crate) struct TailRig {
    logplex: Logplex,
    /// A whole request of [`BATCH`] lines.
    request: Arc<[u8]>,
    received: Arc<AtomicU64>,
    tail: JoinHandle<Result<()>>,
    channel: Value,
}

impl TailRig {
    /// Starts the system and a tail, and waits until that has its first line.
    pub(crate) async fn open(implementation: &Implementation) -> Result<Self> {
        let logplex = Logplex::start(implementation).await?;
        let asked = json!({ "tokens": ["app"] });
        let made = logplex.call("/channels", &asked).await?;
        let token = made["tokens"]["app"].as_str().context("no token")?;
        let request = Arc::from(request(token));
        let channel = made["channel_id"].clone();
        let (stream, _) = session(&logplex, &channel, true).await?;
        let received = Arc::new(AtomicU64::new(0));
        let rig = Self {
            tail: tokio::spawn(count(stream, Arc::clone(&received))),
            logplex,
            request,
            received,
            channel,
        };
        rig.load(100.0 * BATCH as f64, Duration::from_millis(100))
            .await?;
        let begin = Instant::now();
        while rig.received() == 0 && begin.elapsed() < OPENING {
            sleep(Duration::from_millis(5)).await;
        }
        ensure!(rig.received() > 0, "the tail shows nothing");
        Ok(rig)
    }

    /// Posts `rate` lines a second for `window`, a hundred in a request; how many were taken.
    pub(crate) async fn load(&self, rate: f64, window: Duration) -> Result<u64> {
        let begin = Instant::now();
        let each = Duration::from_secs_f64(BATCH as f64 / rate);
        let mut senders = JoinSet::new();
        for number in 0..SENDERS {
            let tcp = TcpStream::connect(&self.logplex.address).await?;
            tcp.set_nodelay(true)?;
            let first = begin + each * u32::try_from(number)?;
            let period = each * u32::try_from(SENDERS)?;
            let request = Arc::clone(&self.request);
            senders.spawn(post(tcp, request, (first, period), begin + window));
        }
        let mut sent = 0;
        while let Some(sender) = senders.join_next().await {
            sent += sender??;
        }
        Ok(sent)
    }

    /// Milliseconds from asking for a session's lines to the first of them.
    pub(crate) async fn first_line(&self) -> Result<f64> {
        let (mut stream, begin) = session(&self.logplex, &self.channel, false).await?;
        let mut head = Vec::new();
        // The first chunk begins after the head.
        while crate::load::find(&head, b"\r\n\r\n").is_none_or(|end| head.len() <= end + 4) {
            ensure!(stream.read_buf(&mut head).await? > 0, "no lines");
        }
        Ok(begin.elapsed().as_secs_f64() * 1000.0)
    }

    /// Lines that the tail has shown.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Processor seconds so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.logplex.process.cpu_seconds()
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.logplex.process.memory()
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.tail.abort();
        self.logplex.process.kill().await;
    }
}

/// A request of [`BATCH`] lines, head and body.
fn request(token: &str) -> Vec<u8> {
    let head = format!("<190>1 2026-11-21T12:00:00.000000+00:00 host {token} web.1 - - ");
    let length = FRAME - "196 ".len();
    let content = "x".repeat(length - head.len() - 1);
    let body = format!("{length} {head}{content}\n").repeat(BATCH);
    let who = BASE64_STANDARD.encode(format!("token:{token}"));
    let head = format!(
        "POST /logs HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic {who}\r\nContent-Type: \
         application/logplex-1\r\nLogplex-Msg-Count: {BATCH}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

/// Posts one request after another when they are due.
async fn post(
    mut tcp: TcpStream,
    request: Arc<[u8]>,
    (first, period): (Instant, Duration),
    end: Instant,
) -> Result<u64> {
    let mut due = interval_at(first, period);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut answer = Vec::with_capacity(4096);
    let mut sent = 0;
    while Instant::now() < end {
        due.tick().await;
        tcp.write_all(&request).await?;
        answer.clear();
        while !answer.ends_with(b"\r\n\r\n") {
            ensure!(tcp.read_buf(&mut answer).await? > 0, "no answer");
        }
        ensure!(answer.starts_with(b"HTTP/1.1 204"), "/logs refuses");
        sent += BATCH as u64;
    }
    Ok(sent)
}

/// Asks for a session and for its lines, and when that was.
async fn session(logplex: &Logplex, channel: &Value, tail: bool) -> Result<(TcpStream, Instant)> {
    let mut asked = json!({ "channel_id": channel.to_string() });
    if tail {
        asked["tail"] = json!("1");
    }
    let made = logplex.call("/v2/sessions", &asked).await?;
    let url = made["url"].as_str().context("no session")?;
    let path = url.find("/sessions/").context("no session")?;
    let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", &url[path..]);
    let begin = Instant::now();
    let mut tcp = TcpStream::connect(&logplex.address).await?;
    tcp.write_all(request.as_bytes()).await?;
    Ok((tcp, begin))
}

/// Counts the lines of a tail: its newlines, but for those of the head and the chunks, which
/// end in carriage returns too.
async fn count(mut tcp: TcpStream, received: Arc<AtomicU64>) -> Result<()> {
    let mut buffer = vec![0; READ];
    let mut lines = 0usize;
    loop {
        let length = tcp.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let many = |wanted| {
            buffer[..length]
                .iter()
                .filter(|byte| **byte == wanted)
                .count()
        };
        lines = lines.wrapping_add(many(b'\n'));
        // A return whose newline has not come yet.
        let open = usize::from(buffer[length - 1] == b'\r');
        lines = lines.wrapping_sub(many(b'\r') - open);
        received.store(lines as u64, Relaxed);
        lines = lines.wrapping_sub(open);
    }
}
