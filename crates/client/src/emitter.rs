//! Sends envelopes to an agent or a router, and never makes the caller wait.

mod body;
mod books;
mod driver;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use logweir_proto::{frames::frame_len, v2};
use logweir_route::{Cause, Chunk, ChunkQueue, QueueLimits};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use self::books::Books;
pub use self::books::EmitStats;
use crate::{
    endpoint::{Endpoint, EndpointError, Locate},
    source::Source,
};

/// Largest envelope that is sent: what the peers' ingress takes in one message,
/// less its framing.
const MAX_ENVELOPE_BYTES: usize = (10 << 20) - 64;

/// How an emitter treats its envelopes.
#[derive(Clone, Debug)]
pub struct EmitOptions {
    /// Tags for every envelope that does not carry one of the name.
    pub tags: BTreeMap<String, String>,
    /// Most bytes that wait for the connection; past them the oldest go.
    pub queue_bytes: usize,
    /// Most envelopes that wait for the connection.
    pub queue_envelopes: u64,
}

impl Default for EmitOptions {
    fn default() -> Self {
        Self {
            tags: BTreeMap::new(),
            queue_bytes: 16 << 20,
            queue_envelopes: 65_536,
        }
    }
}

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The first connection is under way.
    Connecting,
    /// Envelopes flow to this peer, `host:port`.
    Connected(String),
    /// The last try failed for this reason; the next is due after a pause.
    Waiting(String),
}

/// Sends envelopes to an agent or a router. Cheap to clone: all clones share one
/// queue and one connection, which a task of its own keeps up.
///
/// No method that emits blocks or fails. What does not fit the queue is dropped,
/// oldest first; [`Emitter::stats`] counts it, and the sources that lost something
/// get a log line that says how much and why. When the last clone is dropped
/// without [`Emitter::close`], what waits is still sent if the peer is there.
#[derive(Clone)]
pub struct Emitter {
    handle: Arc<Handle>,
}

/// What the clones share; its drop tells the task that nobody emits any more.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.flush_mark.store(u64::MAX, Ordering::Relaxed);
        self.shared.queue.end();
        self.shared.finishing.cancel();
    }
}

/// What handles, the task and the request body share.
struct Shared {
    options: EmitOptions,
    queue: ChunkQueue,
    books: Books,
    /// A stream that is asked to end first takes all before this position.
    flush_mark: AtomicU64,
    /// The open stream shall end, so that the peer answers for what it carried.
    turn_asked: Notify,
    /// Someone's wait may be over: a stream ended, or a chunk was taken.
    progress: Notify,
    state: watch::Sender<ConnectionState>,
    /// Nothing is emitted any more: send what is left, once, and end.
    finishing: CancellationToken,
    /// End at once.
    stop: CancellationToken,
    /// The task has ended.
    ended: CancellationToken,
}

impl Emitter {
    /// Starts to connect in the background. Must be called within a tokio runtime.
    ///
    /// Fails only when the endpoint cannot be used as it is written: no address, or
    /// unreadable TLS files. A peer that does not answer is tried again for ever.
    pub fn connect(endpoint: Endpoint, options: EmitOptions) -> Result<Self, EndpointError> {
        endpoint.check()?;
        Ok(Self::locate(move || Ok(endpoint.clone()), options))
    }

    /// Like [`Emitter::connect`], for a peer that has to be found first: `locate`
    /// is asked before each connection, and asked again later when it fails.
    pub fn locate<F>(locate: F, options: EmitOptions) -> Self
    where
        F: Fn() -> Result<Endpoint, EndpointError> + Send + Sync + 'static,
    {
        let limits = QueueLimits {
            bytes: options.queue_bytes,
            envelopes: options.queue_envelopes,
            frame: usize::MAX,
        };
        let shared = Arc::new(Shared {
            options,
            queue: ChunkQueue::alone(limits),
            books: Books::default(),
            flush_mark: AtomicU64::new(0),
            turn_asked: Notify::new(),
            progress: Notify::new(),
            state: watch::Sender::new(ConnectionState::Connecting),
            finishing: CancellationToken::new(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        let locate: Locate = Arc::new(locate);
        tokio::spawn(driver::run(shared.clone(), locate));
        Self {
            handle: Arc::new(Handle { shared }),
        }
    }

    /// Envelopes of this source id: an app's guid or a component's name.
    pub fn source(&self, source_id: impl Into<String>) -> Source {
        Source::new(self.clone(), source_id.into())
    }

    /// Queues an envelope as it is, with the emitter's tags added where absent.
    pub fn emit(&self, mut envelope: v2::Envelope) {
        self.add_tags(&mut envelope);
        self.push(&envelope.source_id, &[], &envelope);
    }

    /// Adds the emitter's tags where absent.
    pub(crate) fn add_tags(&self, envelope: &mut v2::Envelope) {
        for (name, value) in &self.handle.shared.options.tags {
            if !envelope.tags.contains_key(name) {
                envelope.tags.insert(name.clone(), value.clone());
            }
        }
    }

    /// Queues the envelope that begins with the encoded `head`.
    pub(crate) fn push(&self, source_id: &str, head: &[u8], rest: &v2::Envelope) {
        let shared = &self.handle.shared;
        if shared.finishing.is_cancelled() {
            return shared.books.reject(Cause::Shutdown, source_id);
        }
        let length = head.len() + rest.encoded_len();
        if length > MAX_ENVELOPE_BYTES.min(shared.options.queue_bytes) {
            shared.books.reject(Cause::TooLarge, source_id);
            // Nothing may follow for long: let the stream end now, and tell it.
            return shared.turn_asked.notify_one();
        }
        let mut frame = BytesMut::with_capacity(frame_len(length));
        encode_key(1, WireType::LengthDelimited, &mut frame);
        encode_varint(length as u64, &mut frame);
        frame.extend_from_slice(head);
        rest.encode_raw(&mut frame);
        let deprecated_tags = !rest.deprecated_tags.is_empty();
        let chunk = Chunk {
            frames: frame.freeze(),
            envelopes: 1,
            deprecated_tags,
        };
        // The queue counts what this pushed out, and hands the loss to the body.
        let _ = shared.queue.push_chunk(chunk);
    }

    /// The balance at this moment.
    pub fn stats(&self) -> EmitStats {
        self.handle.shared.books.stats(&self.handle.shared.queue)
    }

    /// How the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.handle.shared.state.borrow().clone()
    }

    /// Waits until the connection's state is one that `wanted` accepts.
    pub async fn state_is(&self, wanted: impl FnMut(&ConnectionState) -> bool) -> ConnectionState {
        let mut states = self.handle.shared.state.subscribe();
        // The sender lives in `self`: the wait cannot fail.
        match states.wait_for(wanted).await {
            Ok(state) => state.clone(),
            Err(_) => self.state(),
        }
    }

    /// Waits until the queue is at most half full: for producers that can wait, so
    /// that they lose nothing to their own speed.
    pub async fn room(&self) {
        let shared = &self.handle.shared;
        wait_for(&shared.progress, || {
            let stats = shared.queue.stats();
            stats.queued <= shared.options.queue_envelopes / 2
                && stats.queued_bytes <= shared.options.queue_bytes as u64 / 2
        })
        .await;
    }

    /// Waits until everything emitted before this call has been taken by the peer
    /// (it answers for each stream), or has been counted as dropped.
    pub async fn flush(&self, within: Duration) -> Result<(), FlushError> {
        let shared = &self.handle.shared;
        let mark = shared.queue.stats().offered;
        shared.flush_mark.fetch_max(mark, Ordering::Relaxed);
        shared.turn_asked.notify_one();
        let done = wait_for(&shared.progress, || shared.settled() >= mark);
        match timeout_at(Instant::now() + within, done).await {
            Ok(()) => Ok(()),
            Err(_) => Err(FlushError {
                waiting: mark.saturating_sub(shared.settled()),
                within,
                connection: match self.state() {
                    ConnectionState::Connecting => "still connecting".into(),
                    ConnectionState::Connected(peer) => format!("{peer} does not take them"),
                    ConnectionState::Waiting(cause) => cause,
                },
            }),
        }
    }

    /// Flushes, then ends the connection. What could not be sent within the
    /// deadline, and what is emitted later, counts as dropped.
    pub async fn close(&self, within: Duration) -> Result<(), FlushError> {
        let deadline = Instant::now() + within;
        let flushed = self.flush(within).await;
        let shared = &self.handle.shared;
        shared.queue.end();
        shared.finishing.cancel();
        if flushed.is_ok() {
            // All is delivered; this only says goodbye.
            let _ = timeout_at(deadline, shared.ended.cancelled()).await;
        }
        shared.stop.cancel();
        shared.give_up();
        flushed
    }
}

impl Shared {
    fn settled(&self) -> u64 {
        self.books.settled(&self.queue)
    }

    /// Counts all that is left as dropped.
    fn give_up(&self) {
        self.books.fail();
        let _ = self.queue.close(Cause::Shutdown);
        self.progress.notify_waiters();
    }
}

/// Waits until `done`, which may become true whenever `progress` is notified.
async fn wait_for(progress: &Notify, done: impl Fn() -> bool) {
    loop {
        let mut notified = std::pin::pin!(progress.notified());
        notified.as_mut().enable();
        if done() {
            return;
        }
        notified.await;
    }
}

/// The deadline passed before the peer had taken everything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} envelopes not handed over within {within:?}: {connection}")]
pub struct FlushError {
    /// Envelopes that still wait, or that were sent and not yet answered for.
    pub waiting: u64,
    /// The deadline.
    pub within: Duration,
    /// How the connection stands.
    pub connection: String,
}
