//! Readers: each a WebSocket or a `BatchedReceiver` stream, counted as it is read.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::HeaderMap;
use logweir_net::{dial::H2, grpc};
use logweir_proto::{frames::frames, service::BATCHED_RECEIVER, v2};
use prost::Message;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    load,
    producer::whole,
    tally::Tally,
    websocket::{self, Socket},
};

/// Largest message that a reader takes, as the peers' own readers.
const LIMIT: usize = 10 << 20;

/// How far a paced reader may be behind and still catch up.
const CATCH_UP: Duration = Duration::from_millis(50);

/// What a reader asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// One source, or all of them.
    pub(crate) source: Option<String>,
    /// Tags in the preferred map.
    pub(crate) preferred_tags: bool,
    /// Envelopes a second at most; unbounded when absent.
    pub(crate) pace: Option<f64>,
}

impl Wish {
    /// Everything, as fast as it comes.
    pub(crate) fn firehose() -> Self {
        Self {
            source: None,
            preferred_tags: true,
            pace: None,
        }
    }

    /// One source, as fast as it comes.
    pub(crate) fn of(source: String) -> Self {
        Self {
            source: Some(source),
            ..Self::firehose()
        }
    }

    fn request(&self) -> Bytes {
        use v2::selector::Message as Kind;
        let selector = |message| v2::Selector {
            source_id: self.source.clone().unwrap_or_default(),
            message: Some(message),
        };
        let request = v2::EgressBatchRequest {
            selectors: vec![
                selector(Kind::Log(v2::LogSelector::default())),
                selector(Kind::Counter(v2::CounterSelector::default())),
                selector(Kind::Gauge(v2::GaugeSelector::default())),
                selector(Kind::Timer(v2::TimerSelector::default())),
                selector(Kind::Event(v2::EventSelector::default())),
            ],
            use_preferred_tags: self.preferred_tags,
            ..Default::default()
        };
        request.encode_to_vec().into()
    }
}

/// A running reader.
pub(crate) struct Reader {
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Reader {
    /// Opens the stream; what arrives goes into `tally`.
    pub(crate) fn start(h2: H2, wish: Wish, tally: Arc<Tally>, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut late = Tally::histogram()?;
            let outcome = tokio::select! {
                outcome = read(h2, &wish, &tally, clock, &mut late) => outcome,
                () = stopped.cancelled() => Ok(()),
            };
            tally.merge(&late);
            outcome
        });
        Self { stop, task }
    }

    /// Reads a WebSocket of a traffic controller; what arrives goes into `tally`.
    pub(crate) fn websocket(socket: Socket, tally: Arc<Tally>, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut late = Tally::histogram()?;
            let outcome = tokio::select! {
                outcome = websocket::read(socket, &tally, clock, &mut late) => outcome,
                () = stopped.cancelled() => Ok(()),
            };
            tally.merge(&late);
            outcome
        });
        Self { stop, task }
    }

    /// A reader that is this task, which ends once `stop` is cancelled.
    pub(crate) fn of(stop: CancellationToken, task: JoinHandle<Result<()>>) -> Self {
        Self { stop, task }
    }

    /// Whether the stream has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Cancels the stream. An error if it had ended by itself.
    pub(crate) async fn finish(self) -> Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}

async fn read(
    h2: H2,
    wish: &Wish,
    tally: &Tally,
    clock: Clock,
    late: &mut Histogram<u64>,
) -> Result<()> {
    let request = wish.request();
    let mut stream = grpc::server_stream(&h2, BATCHED_RECEIVER, request, HeaderMap::new(), LIMIT);
    let (mut free_at, mut primed) = (Instant::now(), false);
    loop {
        let Some(message) = stream.next().await? else {
            anyhow::bail!("a reader's stream has ended");
        };
        let mut count = 0_u64;
        let marks = frames(&message).map(|frame| {
            count += 1;
            let envelope = frame.ok()?.envelope;
            load::mark(envelope).or_else(|| {
                tally.tell(load::told(envelope));
                None
            })
        });
        if tally.add(marks, clock.now(), late) && !primed {
            primed = true;
            tally.reader_primed();
        }
        if let Some(rate) = wish.pace {
            // Timers are late by up to a millisecond; what that costs is caught up.
            let earliest = Instant::now().checked_sub(CATCH_UP).unwrap_or(free_at);
            free_at = free_at.max(earliest) + Duration::from_secs_f64(whole(count) / rate);
            sleep_until(free_at).await;
        }
    }
}
