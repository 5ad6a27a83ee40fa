//! The readers' side of the V1 protocol: `Subscribe` and `BatchSubscribe`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use logweir_net::{body::Body, grpc};
use logweir_proto::{
    peek_v1::Class,
    plumbing::{self, filter::Message as Filter},
    service,
};
use logweir_route::{
    Exchange, SubscribeV1,
    notice_v1::{FormV1, NoticesV1, Place},
};
use prost::Message;
use tonic::Status;

use super::{
    egress::{ReadersOptions, Upstream, most_bytes, one_message, refused, stated_limit},
    pace::Pace,
    reader::{Notices, ReaderBody, ReaderStream, Shape, Slot, TagForm},
};
use crate::routers::Call;

/// Readers of V1 envelopes, whose queues are in one exchange.
pub struct V1Readers {
    exchange: Arc<Exchange>,
    upstream: Upstream,
    options: ReadersOptions,
    place: Arc<Place>,
    open: Arc<AtomicUsize>,
    pace: Pace,
}

impl V1Readers {
    /// Readers of `upstream`, whose queues are in `exchange`, in a role that runs at `place`.
    pub fn new(
        exchange: Arc<Exchange>,
        upstream: Upstream,
        options: ReadersOptions,
        place: Arc<Place>,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange,
            upstream,
            options,
            place,
            open: Arc::default(),
            pace: Pace::new(),
        })
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Subscribes one reader: it gets what is published from now on, as V1 frames.
    /// `message_bytes` is the largest message it takes.
    ///
    /// # Errors
    /// `ResourceExhausted` past the most streams, `InvalidArgument` for a reader that
    /// takes less than a chunk.
    pub fn open(
        &self,
        request: plumbing::SubscriptionRequest,
        message_bytes: Option<usize>,
    ) -> Result<ReaderStream, Status> {
        let slot = Slot(Arc::clone(&self.open));
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        if open >= self.options.max_streams {
            let most = self.options.max_streams;
            return Err(Status::resource_exhausted(format!(
                "unable to create stream, max egress streams reached: {most}"
            )));
        }
        let frame = Some(most_bytes(message_bytes, &self.options)?);
        let filter = request.filter.as_ref();
        let app = filter.map(|filter| filter.app_id.as_str());
        let app = app.filter(|app| !app.is_empty());
        let class = filter.and_then(|filter| filter.message).map(|of| match of {
            Filter::Log(_) => Class::Log,
            Filter::Metric(_) => Class::Metric,
        });
        let destination = match (request.shard_id.as_str(), app) {
            ("", Some(app)) => app,
            ("", None) => "firehose",
            (shard, _) => shard,
        };
        let form = FormV1::of(app, class);
        let place = Arc::clone(&self.place);
        let notices = NoticesV1::new(form, self.options.hop, place, destination);
        let (subscription, feed) = match &self.upstream {
            Upstream::Router | Upstream::Exchange => {
                let subscribe = SubscribeV1 {
                    app: app.map(Into::into),
                    class,
                    shard: request.shard_id,
                    frame,
                };
                (self.exchange.subscribe_v1(subscribe), None)
            }
            Upstream::Routers(routers) => {
                // The routers match; this queue only holds.
                let subscription = self.exchange.subscribe_v1_fed(frame);
                let call = Call {
                    path: service::BATCH_SUBSCRIBE,
                    request: request.encode_to_vec().into(),
                };
                let feed = routers.read(call, &subscription);
                (subscription, Some(feed))
            }
        };
        Ok(ReaderStream::new(
            subscription,
            TagForm::AsTheyCame,
            Notices::V1(notices),
            self.pace.turn(),
            feed,
            slot,
        ))
    }

    /// `Doppler/BatchSubscribe`: a chunk is one `BatchResponse`.
    pub(super) async fn batched(&self, request: Request<Incoming>) -> Response<Body> {
        self.answer(request, Shape::Batches).await
    }

    /// `Doppler/Subscribe`: a frame is one `Response`.
    pub(super) async fn single(&self, request: Request<Incoming>) -> Response<Body> {
        self.answer(request, Shape::Frames).await
    }

    async fn answer(&self, request: Request<Incoming>, shape: Shape) -> Response<Body> {
        let message_bytes = stated_limit(request.headers());
        let opened = one_message(request)
            .await
            .and_then(|wanted| self.open(wanted, message_bytes));
        match opened {
            Ok(stream) => grpc::streaming_response(ReaderBody::new(stream, shape).boxed_unsync()),
            Err(status) => refused(status).await,
        }
    }
}
