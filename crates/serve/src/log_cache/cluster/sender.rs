//! Envelopes on their way to a node: a bounded queue, and calls of `Ingress/Send` that do
//! not wait for each other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::HeaderMap;
use logweir_net::{grpc::NOT_BEGUN, shutdown::Shutdown};
use logweir_proto::{put, service};
use logweir_route::{Cause, Chunk, Feeder, QueueStats, Subscription};
use tokio_util::sync::CancellationToken;

use super::node::Node;
use crate::complaints::Complaints;

/// A node that has not taken a batch after this long has lost it. The peers give it 3 s.
const DEADLINE: Duration = Duration::from_secs(10);

/// Chunks that wait are sent together up to this many bytes.
const SEND_BYTES: usize = 256 << 10;

/// Calls on their way at a time: enough for a full pipe between data centres.
const IN_FLIGHT: usize = 16;

/// Pause before what a node has not begun with is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// Keys of `logcache.v1.SendRequest`: `envelopes` and `local_only`.
const ENVELOPES: u64 = 1 << 3 | 2;
const LOCAL_ONLY: u64 = 2 << 3;

/// What became of what left a queue.
#[derive(Default)]
pub(crate) struct Figures {
    sent: AtomicU64,
    failed: AtomicU64,
    complaints: Complaints,
}

impl Figures {
    /// Envelopes that the node took.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Calls that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// The queue for one node and the task that empties it.
pub(crate) struct Sender {
    queue: Arc<Subscription>,
    figures: Arc<Figures>,
    /// Cancelled when the node is none of ours any more.
    dismissed: CancellationToken,
}

/// What is done with what was queued for a node that is none of ours any more.
pub(crate) type Leftover = Box<dyn Fn(Bytes) + Send + Sync>;

impl Sender {
    /// Sends what `queue` gets, until it has ended. With `local_only` the node keeps it
    /// whoever the owner is.
    pub(crate) fn start(
        node: Arc<Node>,
        queue: Subscription,
        local_only: bool,
        leftover: Leftover,
        shutdown: &Shutdown,
    ) -> Self {
        let sender = Self {
            queue: Arc::new(queue),
            figures: Arc::default(),
            dismissed: CancellationToken::new(),
        };
        let pump = Pump {
            node,
            queue: Arc::clone(&sender.queue),
            figures: Arc::clone(&sender.figures),
            dismissed: sender.dismissed.clone(),
            leftover,
            local_only,
        };
        let abort = shutdown.abort.clone();
        shutdown.tracker.spawn(async move {
            abort.run_until_cancelled(pump.run()).await;
            pump.clear();
        });
        sender
    }

    /// Fills the queue.
    pub(crate) fn feeder(&self) -> Feeder {
        self.queue.feeder()
    }

    /// The balance of the queue; what the node did not take is dropped.
    pub(crate) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }

    /// What became of what left the queue.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Sends nothing more; what waits goes to whoever keeps it now.
    pub(crate) fn dismiss(&self) {
        self.dismissed.cancel();
    }
}

struct Pump {
    node: Arc<Node>,
    queue: Arc<Subscription>,
    figures: Arc<Figures>,
    dismissed: CancellationToken,
    leftover: Leftover,
    local_only: bool,
}

impl Pump {
    /// Until the queue has ended and everything is answered, or the node is dismissed.
    async fn run(&self) {
        let mut in_flight = FuturesUnordered::new();
        loop {
            // Taken only once it can leave: what waits stays within the queue's bounds.
            let next = async {
                self.node.connected().await;
                self.queue.take().await
            };
            tokio::select! {
                biased;
                Some(()) = in_flight.next() => {}
                () = self.dismissed.cancelled() => break,
                taken = next, if in_flight.len() < IN_FLIGHT => match taken {
                    Some(taken) => in_flight.extend(taken.chunk.map(|first| self.send(first))),
                    None => break,
                },
            }
        }
        while in_flight.next().await.is_some() {}
    }

    /// Nothing more is sent: what is left in the queue goes elsewhere, or is counted.
    fn clear(&self) {
        while let Some(chunk) = self.queue.try_take().and_then(|taken| taken.chunk) {
            match self.dismissed.is_cancelled() {
                true => (self.leftover)(chunk.frames),
                false => self.queue.lost_after_taking(Cause::Shutdown, &chunk),
            }
        }
    }

    /// Sends a chunk and those behind it.
    async fn send(&self, first: Chunk) {
        let mut batch = Batch::new(&self.queue, first);
        loop {
            // The connection may have been lost since; then nothing has left yet.
            tokio::select! {
                biased;
                _ = self.node.connected() => {}
                () = self.dismissed.cancelled() => {
                    batch.settled().into_iter().for_each(|chunk| (self.leftover)(chunk.frames));
                    return;
                }
            }
            let payload = request(&batch.chunks, self.local_only);
            let path = service::CACHE_SEND;
            let answer = self.node.call(path, payload, HeaderMap::new(), DEADLINE);
            match answer.await {
                Ok(_) => {
                    let sent = batch.envelopes();
                    self.figures.sent.fetch_add(sent, Ordering::Relaxed);
                    batch.settled();
                    return;
                }
                // The node ends in order: what it has not looked at goes to it again, or to
                // whoever keeps it then.
                Err(status) if status.metadata().contains_key(NOT_BEGUN) => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(status) => {
                    self.figures.failed.fetch_add(1, Ordering::Relaxed);
                    let (name, why) = (self.node.name(), status.message());
                    self.figures.complaints.tell(format_args!(
                        "failed to write {} envelopes to the log cache node {name}: {why}",
                        batch.envelopes()
                    ));
                    batch.cause = Cause::ConnectionLost;
                    return;
                }
            }
        }
    }
}

/// Chunks that left the queue. What is not settled when this goes is counted as lost.
struct Batch<'a> {
    queue: &'a Subscription,
    chunks: Vec<Chunk>,
    cause: Cause,
}

impl<'a> Batch<'a> {
    fn new(queue: &'a Subscription, first: Chunk) -> Self {
        let mut bytes = first.frames.len();
        let mut chunks = vec![first];
        while bytes < SEND_BYTES
            && let Some(next) = queue.try_take().and_then(|taken| taken.chunk)
        {
            bytes += next.frames.len();
            chunks.push(next);
        }
        Self {
            queue,
            chunks,
            cause: Cause::Shutdown,
        }
    }

    fn envelopes(&self) -> u64 {
        let envelopes = self.chunks.iter().map(|chunk| u64::from(chunk.envelopes));
        envelopes.sum()
    }

    fn settled(&mut self) -> Vec<Chunk> {
        std::mem::take(&mut self.chunks)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            self.queue.lost_after_taking(self.cause, chunk);
        }
    }
}

/// The bytes of a `SendRequest`.
fn request(chunks: &[Chunk], local_only: bool) -> Bytes {
    let bytes = chunks.iter().map(|chunk| chunk.frames.len()).sum();
    let room = put::bytes_len(ENVELOPES, bytes) + put::number_len(LOCAL_ONLY, 1);
    let mut payload = BytesMut::with_capacity(room);
    put::head(&mut payload, ENVELOPES, bytes);
    for chunk in chunks {
        payload.put_slice(&chunk.frames);
    }
    if local_only {
        put::number(&mut payload, LOCAL_ONLY, 1);
    }
    payload.freeze()
}

#[cfg(test)]
mod tests {
    use logweir_proto::logcache::SendRequest;
    use prost::Message;

    use super::*;

    #[test]
    fn chunks_become_one_request() {
        let chunk = |frames: &'static [u8]| Chunk {
            frames: Bytes::from_static(frames),
            envelopes: 1,
            deprecated_tags: false,
        };
        let bytes = request(&[chunk(b"\x0a\x01a"), chunk(b"\x0a\x01b")], true);
        let request = SendRequest::decode(bytes).unwrap();
        assert_eq!(&request.envelopes[..], b"\x0a\x01a\x0a\x01b");
        assert!(request.local_only);
    }
}
