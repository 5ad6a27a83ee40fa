//! The body of a stream: batches, heartbeats, the closing event (spec 6.4).

use std::{pin::Pin, time::SystemTime};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use logweir_net::body::{Body, BoxError};
use logweir_wire::sse;
use tokio::time::{Duration, Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::{StreamConfig, seats::Seat, upstream::BatchStream};
use crate::metrics::{Counter, Registry};

/// Batches that are still written when the gateway stops and more keep coming.
const LAST_BATCHES: usize = 64;

/// What the streams carried, all together.
#[derive(Clone)]
pub(crate) struct EventFigures {
    envelopes: Counter,
    malformed: Counter,
    bytes: Counter,
    heartbeats: Counter,
}

impl EventFigures {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |name, help| registry.counter(name, help, &[]);
        Self {
            envelopes: counter("logweir_gateway_envelopes", "Envelopes written as events."),
            malformed: counter("logweir_gateway_malformed", "Frames that held no envelope."),
            bytes: counter("logweir_gateway_bytes", "Bytes of all events written."),
            heartbeats: counter("logweir_gateway_heartbeats", "Heartbeats written."),
        }
    }
}

/// The events of one reader. They are made when the reader's connection has room, so
/// a slow reader holds back its upstream, which drops and says so in the stream.
pub(crate) struct Events {
    first: Option<Bytes>,
    batches: BatchStream,
    heartbeat_after: Duration,
    heartbeat: Pin<Box<Sleep>>,
    closing: Pin<Box<Sleep>>,
    stop: CancellationToken,
    /// Batches left to write once `stop` is cancelled.
    left: usize,
    ended: bool,
    figures: EventFigures,
    _seat: Seat,
}

enum Next {
    Batch(Bytes),
    Heartbeat,
    Closing,
    End,
}

impl Events {
    pub(crate) fn new(
        first: Option<Bytes>,
        batches: BatchStream,
        config: &StreamConfig,
        figures: EventFigures,
        seat: Seat,
        stop: CancellationToken,
    ) -> Self {
        Self {
            first,
            batches,
            heartbeat_after: config.heartbeat,
            heartbeat: Box::pin(sleep(config.heartbeat)),
            closing: Box::pin(sleep(config.timeout)),
            stop,
            left: LAST_BATCHES,
            ended: false,
            figures,
            _seat: seat,
        }
    }

    pub(crate) fn into_body(self) -> Body {
        let events = stream::unfold(self, |mut events| async move {
            let event = events.event().await?;
            Some((Ok::<_, BoxError>(Frame::data(event)), events))
        });
        StreamBody::new(events).boxed_unsync()
    }

    /// The next event's bytes.
    async fn event(&mut self) -> Option<Bytes> {
        let mut event = Vec::new();
        match self.next().await {
            Next::Batch(batch) => {
                self.rest();
                // Base64 and the names of fields make a batch about twice as long.
                event.reserve(2 * batch.len());
                let written = sse::batch_event(&batch, &mut event);
                self.figures.envelopes.add(written.envelopes as u64);
                self.figures.malformed.add(written.refused as u64);
            }
            Next::Heartbeat => {
                self.rest();
                self.figures.heartbeats.add(1);
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                sse::heartbeat_event(now.unwrap_or_default().as_secs(), &mut event);
            }
            Next::Closing => {
                self.ended = true;
                sse::closing_event(&mut event);
            }
            Next::End => return None,
        }
        self.figures.bytes.add(event.len() as u64);
        Some(Bytes::from(event))
    }

    /// Starts the wait for the next heartbeat over.
    fn rest(&mut self) {
        self.heartbeat
            .as_mut()
            .reset(Instant::now() + self.heartbeat_after);
    }

    async fn next(&mut self) -> Next {
        if self.ended {
            return Next::End;
        }
        if let Some(first) = self.first.take() {
            return Next::Batch(first);
        }
        tokio::select! {
            biased;
            () = &mut self.closing => Next::Closing,
            () = self.stop.cancelled() => {
                if self.left == 0 {
                    return Next::End;
                }
                self.left -= 1;
                match self.batches.next().now_or_never() {
                    Some(batch) => arrived(batch),
                    None => Next::End,
                }
            }
            batch = self.batches.next() => arrived(batch),
            () = &mut self.heartbeat => Next::Heartbeat,
        }
    }
}

fn arrived(batch: Option<Result<Bytes, tonic::Status>>) -> Next {
    match batch {
        Some(Ok(batch)) => Next::Batch(batch),
        Some(Err(status)) => {
            tracing::debug!(%status, "the upstream ended a stream");
            Next::End
        }
        None => Next::End,
    }
}
