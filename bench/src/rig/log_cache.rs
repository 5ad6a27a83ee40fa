//! A log cache with its gateway, filled over gRPC and read over HTTP.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::{BufMut, BytesMut};
use hdrhistogram::Histogram;
use http::{HeaderMap, Request};
use logweir_net::{
    body,
    dial::H2,
    grpc,
    http_client::{HttpClient, HttpClientSettings},
};
use logweir_proto::{frames::frame_len, put, service::CACHE_SEND};
use tokio::{
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{
    clock::Clock,
    fleet::Implementation,
    identity::{Identities, LOG_CACHE},
    link,
    load::BATCH,
    process::Process,
    usage::Memory,
    words::{Words, frames},
};

/// How long a process may take to answer for the first time.
const OPENING: Duration = Duration::from_secs(60);
/// Connections that fill it.
const CONNECTIONS: usize = 2;
/// Calls under way on each.
const CALLS: usize = 4;
/// Most bytes of an answer.
const ANSWER: usize = 64 << 20;

/// A node and a gateway of one implementation.
pub(crate) struct CacheRig {
    node: Process,
    gateway: Process,
    connections: Vec<H2>,
    http: HttpClient,
    base: String,
    clock: Clock,
}

/// What is being sent.
pub(crate) struct Filling {
    calls: JoinSet<Result<()>>,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl CacheRig {
    /// Starts both and waits until they answer.
    pub(crate) async fn open(implementation: &Implementation, ids: &Identities) -> Result<Self> {
        let port = free_port()?;
        let node = implementation.log_cache(ids, port).await?;
        Self::around(implementation, ids, node, port).await
    }

    /// The same with a node that was started elsewhere.
    pub(crate) async fn around(
        implementation: &Implementation,
        ids: &Identities,
        node: Process,
        port: u16,
    ) -> Result<Self> {
        let door = free_port()?;
        let gateway = implementation.log_cache_gateway(ids, port, door).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let dialer = link::dialer(ids, LOG_CACHE)?;
        let open = async {
            let mut connections = Vec::new();
            while connections.len() < CONNECTIONS {
                match dialer.connect(address).await {
                    Ok(h2) => connections.push(h2),
                    Err(_) => sleep(Duration::from_millis(5)).await,
                }
            }
            connections
        };
        let connections = timeout(OPENING, open).await.context("no log cache")?;
        let settings = HttpClientSettings {
            max_body: ANSWER,
            ..HttpClientSettings::default()
        };
        let rig = Self {
            node,
            gateway,
            connections,
            http: HttpClient::new(None, None, settings),
            base: format!("http://127.0.0.1:{door}/api/v1"),
            clock: Clock::start(),
        };
        let answered = async {
            while rig.ask("/info").await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(OPENING, answered).await.context("no gateway")?;
        Ok(rig)
    }

    /// Sends log lines of these sources in turn, `rate` a second in batches of 100 that are
    /// evenly spaced, until [`Filling::finish`] or `most` are sent.
    pub(crate) fn fill(&self, sources: &[String], rate: f64, most: u64) -> Result<Filling> {
        let frames = frames(sources)?;
        let begin = Instant::now();
        let sent = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut calls = JoinSet::new();
        let callers = self.connections.len() * CALLS;
        for number in 0..callers {
            let h2 = self.connections[number % self.connections.len()].clone();
            // Each begins elsewhere, so that all have their turn, and at another time.
            let from = number * sources.len() / callers;
            let words = Words::of(Arc::clone(&frames), from, number as u64 + 1);
            let (sent, stop, clock) = (Arc::clone(&sent), Arc::clone(&stop), self.clock);
            let batch = Duration::from_secs_f64(BATCH as f64 / rate);
            let turns = u32::try_from(callers)?;
            let first = begin + batch * u32::try_from(number)?;
            let due = interval_at(first, batch * turns);
            calls.spawn(send(h2, words, due, (sent, stop, most), clock));
        }
        Ok(Filling { calls, sent, stop })
    }

    /// Processor seconds of the node so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.node.cpu_seconds()
    }

    /// Memory of the node.
    pub(crate) fn memory(&self) -> Result<Memory> {
        self.node.memory()
    }

    /// Asks the gateway, and returns how many bytes it answered.
    pub(crate) async fn ask(&self, path: &str) -> Result<usize> {
        let request = Request::get(format!("{}{path}", self.base)).body(body::empty())?;
        let answer = self.http.send(request).await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path} answers {status}");
        Ok(answer.body().len())
    }

    /// Asks one question after another for `window`; milliseconds that the answers took
    /// (p50, p99, p99.9, max), and how many there were.
    pub(crate) async fn ask_on(
        &self,
        window: Duration,
        mut path: impl FnMut(u64) -> String,
        least: usize,
    ) -> Result<([f64; 4], u64)> {
        let mut times = Histogram::<u64>::new(3)?;
        let end = Instant::now() + window;
        let mut number = 0;
        while Instant::now() < end {
            let path = path(number);
            number += 1;
            let begin = Instant::now();
            let bytes = self.ask(&path).await?;
            times.record(u64::try_from(begin.elapsed().as_micros())?)?;
            ensure!(bytes >= least, "{path} answers {bytes} bytes");
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        let all = [at(0.5), at(0.99), at(0.999), times.max() as f64 / 1000.0];
        Ok((all, number))
    }

    /// Ends both.
    pub(crate) async fn close(self) {
        self.gateway.kill().await;
        self.node.kill().await;
    }
}

impl Filling {
    /// Envelopes that were taken so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Stops, and waits for the answers.
    pub(crate) async fn finish(self) -> Result<u64> {
        self.stop.store(true, Relaxed);
        self.wait().await
    }

    /// Waits until all is sent.
    pub(crate) async fn wait(mut self) -> Result<u64> {
        while let Some(call) = self.calls.join_next().await {
            call??;
        }
        Ok(self.sent.load(Relaxed))
    }
}

async fn send(
    h2: H2,
    mut words: Words,
    mut due: Interval,
    (sent, stop, most): (Arc<AtomicU64>, Arc<AtomicBool>, u64),
    clock: Clock,
) -> Result<()> {
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !stop.load(Relaxed) && sent.load(Relaxed) < most {
        due.tick().await;
        let frames = words.batch(BATCH, clock.now());
        let mut request = BytesMut::with_capacity(frame_len(frames.len()));
        put::head(&mut request, ENVELOPES, frames.len());
        request.put_slice(&frames);
        grpc::unary(&h2, CACHE_SEND, &request, HeaderMap::new(), ANSWER).await?;
        sent.fetch_add(BATCH as u64, Relaxed);
    }
    Ok(())
}

/// The field of a `SendRequest` that has the batch: number and wire type.
const ENVELOPES: u64 = 1 << 3 | 2;

/// A port that nobody listens on now: the processes do not say which one they got.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
