//! Streams envelopes from a reverse log proxy, and comes back when the stream
//! breaks.

mod stream;

use bytes::Bytes;
use logweir_proto::{
    cache,
    logcache::EnvelopeType,
    peek::Kind,
    service,
    v2::{self, selector::Message},
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    endpoint::{Endpoint, EndpointError},
    event::{Event, ReadError},
};

/// Events that wait for the caller; behind them the peer's queue fills, and drops.
pub(crate) const EVENTS: usize = 4;

/// Largest message with history: what a log cache gives at most.
const HISTORY_BYTES: usize = 50 << 20;

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRequest {
    /// An envelope that matches any of these is delivered. See [`selector`].
    pub selectors: Vec<v2::Selector>,
    /// Readers with the same id and the same selectors share one stream's envelopes
    /// between them. Empty: this reader gets all.
    pub shard_id: String,
    /// Sorts this reader among those of its shard, so that a metric of one name
    /// always goes to the same reader. Empty: none.
    pub deterministic_name: String,
    /// Tags as strings in `tags`; else all in `deprecated_tags`.
    pub preferred_tags: bool,
    /// Largest message that this reader takes, in bytes. It is told to the peer in
    /// the metadata `logweir-max-message-bytes`; peers that do not know it send
    /// what they send.
    pub max_message_bytes: usize,
}

impl ReadRequest {
    /// Envelopes that match any of these selectors, with preferred tags.
    pub fn new(selectors: Vec<v2::Selector>) -> Self {
        Self {
            selectors,
            shard_id: String::new(),
            deterministic_name: String::new(),
            preferred_tags: true,
            max_message_bytes: 16 << 20,
        }
    }

    fn encoded(&self) -> Bytes {
        let request = v2::EgressBatchRequest {
            shard_id: self.shard_id.clone(),
            legacy_selector: None,
            use_preferred_tags: self.preferred_tags,
            selectors: self.selectors.clone(),
            deterministic_name: self.deterministic_name.clone(),
        };
        request.encode_to_vec().into()
    }
}

/// What a reader of one source asks for that begins with what is remembered of it. Only
/// our own log caches answer it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowRequest {
    /// The source.
    pub source_id: String,
    /// Envelopes of these kinds; empty: of all.
    pub kinds: Vec<Kind>,
    /// How many of the newest come first. After a reconnection none do.
    pub history: u32,
}

impl FollowRequest {
    fn encoded(&self, again: bool) -> Bytes {
        let number = |kind: &Kind| match kind {
            Kind::Log => EnvelopeType::Log as i32,
            Kind::Counter => EnvelopeType::Counter as i32,
            Kind::Gauge => EnvelopeType::Gauge as i32,
            Kind::Timer => EnvelopeType::Timer as i32,
            Kind::Event => EnvelopeType::Event as i32,
        };
        let request = cache::FollowRequest {
            source_id: self.source_id.clone(),
            history: if again { 0 } else { self.history },
            envelope_types: self.kinds.iter().map(number).collect(),
            ..cache::FollowRequest::default()
        };
        request.encode_to_vec().into()
    }
}

/// Selects all envelopes of one kind of one source; an empty source id selects
/// every source.
pub fn selector(source_id: impl Into<String>, kind: Kind) -> v2::Selector {
    let message = match kind {
        Kind::Log => Message::Log(v2::LogSelector {}),
        Kind::Counter => Message::Counter(v2::CounterSelector::default()),
        Kind::Gauge => Message::Gauge(v2::GaugeSelector::default()),
        Kind::Timer => Message::Timer(v2::TimerSelector {}),
        Kind::Event => Message::Event(v2::EventSelector {}),
    };
    v2::Selector {
        source_id: source_id.into(),
        message: Some(message),
    }
}

/// What is called of a peer, again and again.
enum Call {
    Read(ReadRequest),
    Follow(FollowRequest),
}

impl Call {
    fn path(&self) -> &'static str {
        match self {
            Self::Read(_) => service::BATCHED_RECEIVER,
            Self::Follow(_) => service::CACHE_FOLLOW,
        }
    }

    fn encoded(&self, again: bool) -> Bytes {
        match self {
            Self::Read(request) => request.encoded(),
            Self::Follow(request) => request.encoded(again),
        }
    }

    fn max_message_bytes(&self) -> usize {
        match self {
            Self::Read(request) => request.max_message_bytes,
            Self::Follow(_) => HISTORY_BYTES,
        }
    }

    /// The `EnvelopeBatch` of a message.
    fn batch(&self, message: Bytes) -> Result<Bytes, ReadError> {
        match self {
            Self::Read(_) => Ok(message),
            Self::Follow(_) => Ok(cache::FollowResponse::decode(message)?.envelopes),
        }
    }
}

/// A stream of envelopes over gRPC. Ends when it is dropped.
///
/// It reconnects for ever, with growing pauses and jitter, except when the peer
/// refuses what it asks (`InvalidArgument`, `Unauthenticated`, `PermissionDenied`,
/// `Unimplemented`).
pub struct Reader {
    events: mpsc::Receiver<Result<Event<Bytes>, ReadError>>,
    _task: DropGuard,
}

impl Reader {
    /// Starts to read in the background. Must be called within a tokio runtime.
    ///
    /// Fails only when the endpoint cannot be used as it is written.
    pub fn connect(endpoint: Endpoint, request: ReadRequest) -> Result<Self, EndpointError> {
        Self::call(endpoint, Call::Read(request))
    }

    /// The same for one source with what is remembered of it.
    ///
    /// Fails only when the endpoint cannot be used as it is written.
    pub fn follow(endpoint: Endpoint, request: FollowRequest) -> Result<Self, EndpointError> {
        Self::call(endpoint, Call::Follow(request))
    }

    fn call(endpoint: Endpoint, call: Call) -> Result<Self, EndpointError> {
        endpoint.check()?;
        let (sender, events) = mpsc::channel(EVENTS);
        let cancel = CancellationToken::new();
        let task = cancel.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task.cancelled() => {}
                () = stream::run(endpoint, call, sender) => {}
            }
        });
        Ok(Self {
            events,
            _task: cancel.drop_guard(),
        })
    }

    /// The next event, with batches decoded. `None` after an error that ended the
    /// reader. May be dropped before it resolves without loss.
    pub async fn next(&mut self) -> Option<Result<Event, ReadError>> {
        let event = match self.next_raw().await? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        Some(match event {
            Event::Batch(bytes) => match v2::EnvelopeBatch::decode(bytes) {
                Ok(batch) => Ok(Event::Batch(batch)),
                Err(error) => Err(error.into()),
            },
            Event::Connected { address, again } => Ok(Event::Connected { address, again }),
            Event::Disconnected { cause, retry_in } => Ok(Event::Disconnected { cause, retry_in }),
        })
    }

    /// The next event, with batches as they came: the bytes of an `EnvelopeBatch`.
    pub async fn next_raw(&mut self) -> Option<Result<Event<Bytes>, ReadError>> {
        self.events.recv().await
    }
}
