//! The readers' side of the V2 protocol: `BatchedReceiver` and `Receiver`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    grpc::{self, Messages},
};
use logweir_proto::{peek::Kind, service, v2};
use logweir_route::{
    Exchange, Selector, SubscribeRequest, notice::Form, queue::CHUNK_BYTES, selector,
};
use prost::Message;
use tonic::Status;

use super::pace::Pace;
use super::reader::{Notices, ReaderBody, ReaderStream, Shape, Slot, TagForm};
use crate::routers::{Call, Routers};

/// Request metadata in which a reader states the largest message it takes, in
/// bytes. Readers that do not are taken to have gRPC's default limit.
pub const MAX_MESSAGE_HEADER: &str = "logweir-max-message-bytes";

/// What a reader has to take: a chunk, and what its tags may grow by when they move to
/// the other map.
const LEAST_MESSAGE: usize = 2 * CHUNK_BYTES;

/// Most bytes of a request.
const REQUEST_BYTES: usize = 4 << 20;

/// A refused stream is answered after this: the peers' connector opens the next
/// one at once and for ever.
const REFUSAL_DELAY: Duration = Duration::from_millis(50);

/// Where the envelopes of a door's readers come from.
#[derive(Clone)]
pub enum Upstream {
    /// The exchange of a router, raw: requests are not checked, tags stay as they
    /// came.
    Router,
    /// The exchange of this process, with the manners of a reverse log proxy.
    Exchange,
    /// Every router, over the network.
    Routers(Arc<Routers>),
}

/// Bounds and name of a door's readers.
#[derive(Clone, Debug)]
pub struct ReadersOptions {
    /// Most streams at a time.
    pub max_streams: usize,
    /// Largest message for readers that do not state what they take.
    pub message_bytes: usize,
    /// Name of this hop in notices.
    pub hop: &'static str,
}

/// The Egress service of a door.
pub struct Readers {
    exchange: Arc<Exchange>,
    upstream: Upstream,
    options: ReadersOptions,
    open: Arc<AtomicUsize>,
    pace: Pace,
    rejected: AtomicU64,
}

impl Readers {
    /// Readers of `upstream`, whose queues are in `exchange`.
    pub fn new(exchange: Arc<Exchange>, upstream: Upstream, options: ReadersOptions) -> Arc<Self> {
        Arc::new(Self {
            exchange,
            upstream,
            options,
            open: Arc::default(),
            pace: Pace::new(),
            rejected: AtomicU64::new(0),
        })
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Streams that were refused because there were too many.
    pub fn rejected_streams(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Subscribes one reader. `message_bytes` is the largest message it takes.
    ///
    /// # Errors
    /// `ResourceExhausted` past the most streams, `InvalidArgument` for selectors
    /// that select nothing; texts as of the spec's §2.4.
    pub fn open(
        &self,
        mut request: v2::EgressBatchRequest,
        message_bytes: Option<usize>,
    ) -> Result<ReaderStream, Status> {
        let slot = Slot(Arc::clone(&self.open));
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let proxy = !matches!(self.upstream, Upstream::Router);
        if open >= self.options.max_streams {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            let most = self.options.max_streams;
            return Err(Status::resource_exhausted(format!(
                "unable to create stream, max egress streams reached: {most}"
            )));
        }
        let tags = if proxy {
            selector::validate(&mut request)
                .map_err(|error| Status::invalid_argument(error.to_string()))?;
            if request.use_preferred_tags {
                TagForm::Preferred
            } else {
                TagForm::Deprecated
            }
        } else {
            TagForm::AsTheyCame
        };
        let mut subscribe = SubscribeRequest::from_wire(&request);
        let notices = Notices::V2(notice_form(&subscribe.selectors), self.options.hop);
        subscribe.frame = Some(most_bytes(message_bytes, &self.options)?);
        let (subscription, feed) = match &self.upstream {
            Upstream::Router | Upstream::Exchange => (self.exchange.subscribe(subscribe), None),
            Upstream::Routers(routers) => {
                // The routers match; this queue only holds.
                subscribe.selectors.clear();
                let subscription = self.exchange.subscribe(subscribe);
                let call = Call {
                    path: service::BATCHED_RECEIVER,
                    request: request.encode_to_vec().into(),
                };
                let feed = routers.read(call, &subscription);
                (subscription, Some(feed))
            }
        };
        Ok(ReaderStream::new(
            subscription,
            tags,
            notices,
            self.pace.turn(),
            feed,
            slot,
        ))
    }

    /// `Egress/BatchedReceiver`.
    pub(super) async fn batched(&self, request: Request<Incoming>) -> Response<Body> {
        self.answer(request, Shape::Batches).await
    }

    /// `Egress/Receiver`: the same, an envelope a message. Only proxies answer it.
    pub(super) async fn single(&self, request: Request<Incoming>) -> Response<Body> {
        if matches!(self.upstream, Upstream::Router) {
            let status = Status::unimplemented("use BatchedReceiver instead");
            return grpc::status_response(status);
        }
        self.answer(request, Shape::Envelopes).await
    }

    async fn answer(&self, request: Request<Incoming>, shape: Shape) -> Response<Body> {
        match self.open_for(request).await {
            Ok(stream) => grpc::streaming_response(ReaderBody::new(stream, shape).boxed_unsync()),
            Err(status) => refused(status).await,
        }
    }

    async fn open_for(&self, request: Request<Incoming>) -> Result<ReaderStream, Status> {
        let message_bytes = stated_limit(request.headers());
        // The requests of both methods have the same fields.
        let wanted = one_message(request).await?;
        self.open(wanted, message_bytes)
    }
}

/// The answer to a reader that gets no stream.
pub(super) async fn refused(status: Status) -> Response<Body> {
    tokio::time::sleep(REFUSAL_DELAY).await;
    grpc::status_response(status)
}

/// The one message of a request.
pub(super) async fn one_message<T: Message + Default>(
    request: Request<Incoming>,
) -> Result<T, Status> {
    let mut messages = Messages::new(request.into_body(), REQUEST_BYTES);
    let message = messages.next().await?;
    let message = message.ok_or_else(|| Status::internal("the call needs a request message"))?;
    T::decode(message)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))
}

/// What a caller says that it takes.
pub(super) fn stated_limit(headers: &HeaderMap) -> Option<usize> {
    headers.get(MAX_MESSAGE_HEADER)?.to_str().ok()?.parse().ok()
}

/// The largest message for a reader that states this, or nothing.
pub(super) fn most_bytes(stated: Option<usize>, options: &ReadersOptions) -> Result<usize, Status> {
    if let Some(stated) = stated.filter(|stated| *stated < LEAST_MESSAGE) {
        return Err(Status::invalid_argument(format!(
            "{MAX_MESSAGE_HEADER} is {stated}; state at least {LEAST_MESSAGE}"
        )));
    }
    Ok(stated.unwrap_or(options.message_bytes).max(LEAST_MESSAGE))
}

/// Readers of logs get notices as logs, all others as counters.
fn notice_form(selectors: &[Selector]) -> Form {
    if selectors
        .iter()
        .any(|selector| selector.what.kind() == Kind::Log)
    {
        Form::Log
    } else {
        Form::Counter
    }
}
