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
use logweir_net::shutdown::Shutdown;
use logweir_proto::{put, service};
use logweir_route::{Cause, Chunk, Feeder, QueueStats, Subscription};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::node::Node;
use crate::complaints::Complaints;

/// A node that has not taken a batch after this long has lost it. The peers give it 3 s.
const DEADLINE: Duration = Duration::from_secs(10);

/// Chunks that wait are sent together up to this many bytes.
const SEND_BYTES: usize = 256 << 10;

/// Calls on their way at a time: enough for a full pipe between data centres.
const IN_FLIGHT: usize = 16;

/// Keys of `logcache.v1.SendRequest`: `envelopes` and `local_only`.
const ENVELOPES: u64 = 1 << 3 | 2;
const LOCAL_ONLY: u64 = 2 << 3;

/// What became of what was queued for one node.
#[derive(Default)]
pub(crate) struct Figures {
    /// Envelopes that the node took.
    pub(crate) sent: AtomicU64,
    /// Calls that failed.
    pub(crate) failed: AtomicU64,
    complaints: Complaints,
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
    /// Sends what `queue` gets. With `local_only` the node keeps it whoever the owner is.
    pub(crate) fn start(
        node: Arc<Node>,
        queue: Subscription,
        local_only: bool,
        figures: Arc<Figures>,
        leftover: Leftover,
        shutdown: &Shutdown,
    ) -> Self {
        let sender = Self {
            queue: Arc::new(queue),
            figures,
            dismissed: CancellationToken::new(),
        };
        let pump = Pump {
            node,
            queue: Arc::clone(&sender.queue),
            figures: Arc::clone(&sender.figures),
            local_only,
        };
        let (dismissed, abort) = (sender.dismissed.clone(), shutdown.abort.clone());
        shutdown.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = abort.cancelled() => {}
                () = pump.run(&dismissed) => {}
            }
            let cause = Cause::Shutdown;
            while let Some(chunk) = pump.queue.try_take().and_then(|taken| taken.chunk) {
                match dismissed.is_cancelled() {
                    true => leftover(chunk.frames),
                    false => pump.queue.lost_after_taking(cause, &chunk),
                }
            }
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
    local_only: bool,
}

impl Pump {
    /// Until the queue has ended and everything is answered, or the node is dismissed.
    async fn run(&self, dismissed: &CancellationToken) {
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
                () = dismissed.cancelled() => break,
                taken = next, if in_flight.len() < IN_FLIGHT => match taken {
                    Some(taken) => in_flight.extend(taken.chunk.map(|first| self.send(first))),
                    None => break,
                },
            }
        }
        while in_flight.next().await.is_some() {}
    }

    /// Sends a chunk and those behind it, and counts them if they do not arrive.
    async fn send(&self, first: Chunk) {
        let mut bytes = first.frames.len();
        let mut chunks = vec![first];
        while bytes < SEND_BYTES
            && let Some(next) = self.queue.try_take().and_then(|taken| taken.chunk)
        {
            bytes += next.frames.len();
            chunks.push(next);
        }
        let envelopes: u64 = chunks.iter().map(|chunk| u64::from(chunk.envelopes)).sum();
        let payload = request(&chunks, bytes, self.local_only);
        match self.call(payload).await {
            Ok(()) => {
                self.figures.sent.fetch_add(envelopes, Ordering::Relaxed);
            }
            Err(status) => {
                self.figures.failed.fetch_add(1, Ordering::Relaxed);
                let (name, why) = (self.node.name(), status.message());
                self.figures.complaints.tell(format_args!(
                    "failed to write {envelopes} envelopes to the log cache node {name}: {why}"
                ));
                for chunk in &chunks {
                    self.queue.lost_after_taking(Cause::ConnectionLost, chunk);
                }
            }
        }
    }

    async fn call(&self, payload: Bytes) -> Result<(), Status> {
        let path = service::CACHE_SEND;
        let answer = self.node.call(path, payload, HeaderMap::new(), DEADLINE);
        answer.await.map(drop)
    }
}

/// The bytes of a `SendRequest`.
fn request(chunks: &[Chunk], bytes: usize, local_only: bool) -> Bytes {
    let mut head = Vec::new();
    put::head(&mut head, ENVELOPES, bytes);
    let mut payload = BytesMut::with_capacity(head.len() + bytes + 2);
    payload.put_slice(&head);
    for chunk in chunks {
        payload.put_slice(&chunk.frames);
    }
    if local_only {
        let mut flag = Vec::new();
        put::number(&mut flag, LOCAL_ONLY, 1);
        payload.put_slice(&flag);
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
        let bytes = request(&[chunk(b"\x0a\x01a"), chunk(b"\x0a\x01b")], 6, true);
        let request = SendRequest::decode(bytes).unwrap();
        assert_eq!(&request.envelopes[..], b"\x0a\x01a\x0a\x01b");
        assert!(request.local_only);
    }
}
