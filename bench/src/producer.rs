//! Producers: each a sender of datagrams, or a `BatchSender` stream whose request body makes its messages when
//! they are due, so that nothing waits in a queue of ours and flow control shows as
//! lateness.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use logweir_net::{body::BoxError, dial::H2, grpc};
use logweir_proto::service::BATCH_SENDER;
use tokio::{
    task::JoinHandle,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use crate::{
    clock::Clock,
    datagram::{self, Datagrams},
    load::{BATCH, Template},
};

/// How often a producer looks whether something is due.
const TICK: Duration = Duration::from_millis(1);

/// How a producer spreads its envelopes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// So many a second, in full batches.
    Batches(f64),
    /// So many a second, each sent as soon as it is due: what a latency is made of.
    Evenly(f64),
}

/// Steers a running producer and tells how far it is.
#[derive(Default)]
pub(crate) struct Gauge {
    sent: AtomicU64,
    stop: AtomicBool,
}

impl Gauge {
    /// Envelopes handed to the transport.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        self.sent.fetch_add(count, Relaxed);
    }

    /// Whether there shall be no more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// No more after this.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
}

/// A running producer.
pub(crate) struct Producer {
    /// Its count and its switch.
    pub(crate) gauge: Arc<Gauge>,
    task: JoinHandle<()>,
}

impl Producer {
    /// Opens a stream on `h2` and sends at `pace`, numbering from `first` on and
    /// stopping before `limit`.
    pub(crate) fn start(h2: H2, template: Template, pace: Pace, clock: Clock, limit: u64) -> Self {
        let gauge = Arc::new(Gauge::default());
        let body = Schedule {
            template,
            pace,
            clock,
            limit,
            started: Instant::now(),
            tick: None,
            gauge: gauge.clone(),
        };
        let task = tokio::spawn(async move {
            let request = grpc::request(BATCH_SENDER, "bench", body.boxed_unsync());
            // The answer comes when the stream ends; peers then answer with an error
            // that means nothing (spec: "Ending a client stream").
            let _ = h2.send(request).await;
        });
        Self { gauge, task }
    }

    /// Sends datagrams to `to` on a thread of its own, each as soon as it is due.
    pub(crate) fn datagrams(
        to: SocketAddr,
        datagrams: Datagrams,
        rate: f64,
        clock: Clock,
        limit: u64,
    ) -> Self {
        let gauge = Arc::new(Gauge::default());
        let sender = gauge.clone();
        let task = tokio::task::spawn_blocking(move || {
            if let Err(error) = datagram::send(to, datagrams, rate, clock, limit, &sender) {
                eprintln!("no datagrams: {error}");
            }
        });
        Self { gauge, task }
    }

    /// Stops it and half-closes its stream; returns how many envelopes it sent.
    pub(crate) async fn finish(self) -> Result<u64> {
        self.gauge.stop();
        if tokio::time::timeout(Duration::from_secs(5), self.task)
            .await
            .is_err()
        {
            // The other side does not take what is left: it stays unsent.
        }
        Ok(self.gauge.sent())
    }
}

struct Schedule {
    template: Template,
    pace: Pace,
    clock: Clock,
    limit: u64,
    started: Instant,
    tick: Option<Interval>,
    gauge: Arc<Gauge>,
}

impl Schedule {
    /// How many envelopes the next message holds; 0 while nothing is due.
    fn due(&self, sent: u64) -> usize {
        let (rate, least) = match self.pace {
            Pace::Batches(rate) => (rate, BATCH),
            Pace::Evenly(rate) => (rate, 1),
        };
        let behind = self.started.elapsed().as_secs_f64() * rate - whole(sent);
        let mut due = 0;
        while due < BATCH && whole_usize(due + 1) <= behind {
            due += 1;
        }
        if due < least { 0 } else { due }
    }
}

#[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}

fn whole_usize(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

impl http_body::Body for Schedule {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let sent = self.gauge.sent();
            if self.gauge.is_stopped() || sent >= self.limit {
                return Poll::Ready(None);
            }
            let count = self.due(sent);
            if count > 0 {
                let now = self.clock.now();
                let message = self.template.message(count, now, sent);
                self.gauge.add(u64::try_from(count).unwrap_or_default());
                return Poll::Ready(Some(Ok(Frame::data(message))));
            }
            let tick = self.tick.get_or_insert_with(|| {
                let mut tick = interval(TICK);
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                tick
            });
            ready!(tick.poll_tick(cx));
        }
    }
}
