//! What one node keeps, and its answers.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use bytes::{Bytes, BytesMut};
use logweir_cache::{Page, Put, Query, Store, Types};
use logweir_proto::{
    cache::{FollowRequest, SearchRequest, SearchResponse},
    frames::{frame_len, frames, push_frame},
    logcache::{ReadRequest, ReadResponse},
    peek::{Peek, peek},
    put,
};
use logweir_route::{Exchange, ExchangeLimits, Generation, QueueLimits, admit::admit};
use tokio::sync::Semaphore;
use tonic::Status;

use super::{MESSAGE_BYTES, Sources, follow, question};
use crate::{
    context::ServeContext,
    gateway::BatchStream,
    grpc::{Readers, ReadersOptions, Upstream, unix_nanos},
    recents::Recents,
    router,
};

/// Most bytes of an answer's envelopes: what every reader of the contract takes, less
/// what frames and the answer itself add.
const ANSWER_BYTES: usize = MESSAGE_BYTES - (2 << 20);
/// Most bytes of envelopes that one page of a search looks at; a reader goes on from
/// where it ended.
const SEARCH_BYTES: usize = 256 << 20;
/// Most questions that look into envelopes at a time, on threads of their own.
const LOOKING: usize = 2;

/// Bounds of the queue of one who follows a node, …
const FOLLOWER: QueueLimits = QueueLimits {
    bytes: 4 << 20,
    envelopes: 10_000,
    frame: MESSAGE_BYTES,
};
/// … and of all of them together.
const FOLLOWERS_BYTES: usize = 256 << 20;
const FOLLOWERS: usize = 10_000;

/// Key of `ReadResponse.envelopes` and of a frame of a batch: number and wire type.
const FRAME: u64 = 1 << 3 | 2;

/// The store of this process.
pub struct Local {
    store: Arc<Store>,
    /// What fills the store off an exchange, and the readers of that exchange.
    tapped: Option<(Recents, Arc<Readers>)>,
    /// What comes by [`Local::keep`], for those who follow, and who they are.
    sends: (Arc<Exchange>, Arc<Readers>),
    /// Where what comes by [`Local::keep`] is published instead, on the way to the store.
    published: Option<Arc<Exchange>>,
    /// Read while something is put and handed on.
    sending: RwLock<()>,
    looking: Semaphore,
    malformed: AtomicU64,
    egress: AtomicU64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Envelopes that are kept.
    pub envelopes: usize,
    /// Frames that were no envelope.
    pub malformed: u64,
}

impl Local {
    /// A store that `recents` fill off an exchange with these readers.
    pub fn of_exchange(store: Arc<Store>, recents: Recents, readers: Arc<Readers>) -> Self {
        Self::build(store, Some((recents, readers)))
    }

    /// The same where what is kept is as if it had been published to the exchange that fills
    /// the store.
    pub(crate) fn publishing(self, exchange: &Arc<Exchange>) -> Self {
        Self {
            published: Some(Arc::clone(exchange)),
            ..self
        }
    }

    /// A store that nothing but [`Local::keep`] fills.
    pub fn of_sends(store: Arc<Store>) -> Self {
        Self::build(store, None)
    }

    fn build(store: Arc<Store>, tapped: Option<(Recents, Arc<Readers>)>) -> Self {
        let exchange = Exchange::new(ExchangeLimits {
            queue: FOLLOWER,
            total_bytes: FOLLOWERS_BYTES,
        });
        let options = ReadersOptions {
            max_streams: FOLLOWERS,
            message_bytes: MESSAGE_BYTES,
            hop: "log-cache",
        };
        let readers = Readers::new(Arc::clone(&exchange), Upstream::Exchange, options);
        Self {
            store,
            tapped,
            sends: (exchange, readers),
            published: None,
            sending: RwLock::default(),
            looking: Semaphore::new(LOOKING),
            malformed: AtomicU64::new(0),
            egress: AtomicU64::new(0),
        }
    }

    /// Ends the streams of those who follow when the process stops.
    pub(crate) fn end_with(&self, context: &ServeContext) {
        router::end_with(&self.sends.0, &[], context);
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Frames that were no envelope, and envelopes that were answered, so far.
    pub fn counts(&self) -> (u64, u64) {
        let relaxed = Ordering::Relaxed;
        (self.malformed.load(relaxed), self.egress.load(relaxed))
    }

    /// Keeps the envelopes of an `EnvelopeBatch`. Invalid UTF-8 is replaced; what is no
    /// envelope is counted and goes alone.
    pub fn keep(&self, batch: &Bytes) -> Kept {
        if let Some(exchange) = &self.published {
            let admitted = exchange.publisher().publish(batch);
            let kept = admitted.envelopes.saturating_sub(admitted.malformed);
            return Kept {
                envelopes: usize::try_from(kept).unwrap_or(usize::MAX),
                malformed: admitted.malformed,
            };
        }
        self.hand_on(batch, || self.put(batch))
    }

    /// Keeps the envelopes of a batch that were looked into already.
    pub(super) fn keep_seen(&self, batch: &Bytes, puts: &[Put<'_>]) {
        if self.published.is_some() {
            self.keep(batch);
            return;
        }
        self.hand_on(batch, || {
            self.store.put(unix_nanos(), puts.iter().copied());
        });
    }

    fn hand_on<T>(&self, batch: &Bytes, put: impl FnOnce() -> T) -> T {
        let _sending = self.sending.read().unwrap_or_else(PoisonError::into_inner);
        let kept = put();
        // Whoever follows has subscribed before it looks into the store: it finds there
        // what is not handed on here.
        let (exchange, followers) = &self.sends;
        if followers.open_streams() > 0 {
            exchange.publisher().publish(batch);
        }
        kept
    }

    /// Does something while nothing is put that is not handed on yet.
    pub(super) fn between_sends<T>(&self, what: impl FnOnce() -> T) -> T {
        let _sending = self.sending.write().unwrap_or_else(PoisonError::into_inner);
        what()
    }

    fn put(&self, batch: &Bytes) -> Kept {
        let mut puts = Vec::new();
        if puts_of(batch, &mut puts).is_some() {
            let kept = Kept {
                envelopes: puts.len(),
                malformed: 0,
            };
            self.store.put(unix_nanos(), puts);
            return kept;
        }
        drop(puts);
        let (clean, admitted) = admit(Generation::V2, batch.clone(), &mut Vec::new());
        let mut puts = Vec::new();
        // What was admitted is clean.
        let _ = puts_of(&clean, &mut puts);
        let kept = Kept {
            envelopes: puts.len(),
            malformed: admitted.malformed,
        };
        self.store.put(unix_nanos(), puts);
        self.malformed.fetch_add(kept.malformed, Ordering::Relaxed);
        kept
    }

    /// Answers `Egress/Read`.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `ResourceExhausted` where the answer
    /// would be too large: clients of the peers ask for less then.
    pub async fn read(&self, request: ReadRequest) -> Result<ReadResponse, Status> {
        let page = self.page(request).await?;
        Ok(ReadResponse {
            envelopes: framed(&page.envelopes),
        })
    }

    /// The bytes of what [`Local::read`] answers.
    ///
    /// # Errors
    /// As of [`Local::read`].
    pub(super) async fn read_bytes(&self, request: ReadRequest) -> Result<Bytes, Status> {
        let page = self.page(request).await?;
        let bytes = framed_len(&page.envelopes);
        let mut message = BytesMut::with_capacity(frame_len(bytes));
        // The field of a batch has the key that frames have in it.
        put::head(&mut message, FRAME, bytes);
        push_frames(&page.envelopes, &mut message);
        Ok(message.freeze())
    }

    async fn page(&self, request: ReadRequest) -> Result<Page, Status> {
        let mut query = question::query(question::widened(request), unix_nanos())?;
        query.max_bytes = ANSWER_BYTES;
        let limit = query.limit;
        let page = self.look(query).await?;
        if page.next.is_some() && page.envelopes.len() < limit {
            return Err(Status::resource_exhausted(format!(
                "{limit} envelopes of this source are more than {ANSWER_BYTES} bytes; ask for fewer"
            )));
        }
        Ok(page)
    }

    /// Answers `Reader/Search`. A page that holds less than was asked for is not the
    /// last one unless nothing is next.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResponse, Status> {
        let mut query = question::query(request, unix_nanos())?;
        query.max_bytes = ANSWER_BYTES;
        query.max_scan = SEARCH_BYTES;
        let page = self.look(query).await?;
        Ok(SearchResponse {
            envelopes: framed(&page.envelopes),
            next: page.next.map(question::cursor_text).unwrap_or_default(),
        })
    }

    /// What is remembered of a source, and then what comes.
    ///
    /// # Errors
    /// `InvalidArgument` for a wrong question, `ResourceExhausted` past the most streams.
    pub async fn follow(&self, request: FollowRequest) -> Result<BatchStream, Status> {
        let tapped = self.tapped.iter().map(|(_, readers)| &**readers);
        let readers: Vec<&Readers> = tapped.chain([&*self.sends.1]).collect();
        follow::open(self, &readers, request).await
    }

    /// The envelopes that a query finds, on as many pages as it takes, each with its number
    /// among all that came. Those with numbers from `mark` on are not counted against the
    /// limit: whoever subscribed there finds all that the subscription has missed, also
    /// where what came since would fill the limit alone.
    pub(super) async fn history(
        &self,
        mut query: Query,
        mark: u64,
    ) -> Result<Vec<(u64, Bytes)>, Status> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        if let Some((recents, _)) = &self.tapped {
            recents.settle().await;
        }
        let mut found = Vec::new();
        query.max_bytes = ANSWER_BYTES;
        query.max_scan = SEARCH_BYTES;
        loop {
            let page = self.look(query.clone()).await?;
            let bytes = page.envelopes.iter().map(Bytes::len).sum();
            let earlier = page.sequences.iter().filter(|number| **number < mark);
            query.limit = query.limit.saturating_sub(earlier.count());
            query.max_bytes = query.max_bytes.saturating_sub(bytes);
            found.extend(page.sequences.into_iter().zip(page.envelopes));
            match page.next {
                Some(next) if query.limit > 0 && query.max_bytes > 0 => query.after = Some(next),
                _ => return Ok(found),
            }
        }
    }

    async fn look(&self, query: Query) -> Result<Page, Status> {
        let page = if query.names.is_none() && query.search.is_none() {
            self.store.read(&query)
        } else {
            // Never closed.
            let _turn = self.looking.acquire().await;
            let store = Arc::clone(&self.store);
            tokio::task::spawn_blocking(move || store.read(&query))
                .await
                .map_err(|error| Status::internal(format!("the search failed: {error}")))?
        };
        let answered = page.envelopes.len() as u64;
        self.egress.fetch_add(answered, Ordering::Relaxed);
        Ok(page)
    }

    /// What is known of each source.
    pub fn sources(&self) -> Sources {
        Sources::of_store(&self.store)
    }
}

/// The envelopes of a batch; `None` if there is anything that may not be kept as it is.
fn puts_of<'a>(batch: &'a Bytes, puts: &mut Vec<Put<'a>>) -> Option<()> {
    for frame in frames(batch) {
        let frame = frame.ok()?;
        let seen = peek(frame.envelope).ok()?;
        puts.push(put_of(frame.envelope, &seen));
    }
    Some(())
}

/// An envelope that was looked into, to be kept.
pub(super) fn put_of<'a>(envelope: &'a [u8], seen: &Peek<'a>) -> Put<'a> {
    Put {
        source_id: seen.source_id,
        timestamp: seen.timestamp,
        types: Types::of(seen.kind),
        envelope,
    }
}

fn framed(envelopes: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(framed_len(envelopes));
    push_frames(envelopes, &mut out);
    out.freeze()
}

fn framed_len(envelopes: &[Bytes]) -> usize {
    let bytes = envelopes.iter().map(|envelope| frame_len(envelope.len()));
    bytes.sum()
}

fn push_frames(envelopes: &[Bytes], out: &mut BytesMut) {
    for envelope in envelopes {
        push_frame(out, envelope);
    }
}
