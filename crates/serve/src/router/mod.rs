//! The router: takes envelopes from agents and hands them to subscribers.

mod config;

use std::sync::Arc;

use logweir_net::{shutdown::Shutdown, tls::Alpn};
use logweir_route::{Exchange, ExchangeLimits, Publisher, QueueLimits};
use tokio_util::task::TaskTracker;

pub use config::RouterConfig;

use crate::{
    context::{ServeContext, StartError, Started},
    conversion::CONVERTER,
    doors::{self, GrpcDoor},
    grpc::{Door, Doppler, Ingress, QUIET, Readers, ReadersOptions, Sink, Upstream, V1Readers},
    grpc_role::GrpcRole,
    metrics::{HopFigures, Registry, RouterFigures},
    recents::Recents,
    self_metrics::Identity,
    settings::QueueConfig,
};

/// The peers' name of the role.
pub(crate) const IDENTITY: Identity = Identity {
    source_id: "doppler",
    origin: "loggregator.doppler",
};

/// Starts a router. Its doors are bound when this returns: `grpc`, and `status`
/// where the settings ask for it.
///
/// # Errors
/// A certificate that cannot be loaded, or an address that cannot be bound.
pub async fn start(config: RouterConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let tls = doors::server_tls("the router", &config.tls, &config.cipher_suites, Alpn::H2)?;
    context.watch_tls(vec![tls.clone()], Vec::new());
    let message_bytes = config.limits.message_bytes;
    let limits = exchange_limits(&config.queue, config.queues_total_bytes, message_bytes);
    let exchange = Exchange::of_both(limits, CONVERTER);
    started.hop("router", &exchange);
    let options = ReadersOptions {
        max_streams: usize::MAX,
        message_bytes,
        hop: "router",
    };
    let readers = Readers::new(Arc::clone(&exchange), Upstream::Router, options.clone());
    let registry = Registry::new();
    let doppler = Doppler {
        readers: V1Readers::new(
            Arc::clone(&exchange),
            Upstream::Router,
            options,
            config.place.place(),
        ),
        recents: Recents::start(&exchange, &config.recent, &registry),
    };
    let ingress = publishing(&exchange, message_bytes, context);
    let producers = vec![ingress.streams()];
    let door = Door::of_both(Some(ingress), Some(readers), Some(doppler));
    collect(&registry, &exchange);
    GrpcRole {
        door: GrpcDoor {
            name: "grpc",
            address: config.listen,
            tls: Some(tls),
            limits: &config.limits,
        },
        services: door,
        status: config.status,
        self_metrics: (&config.self_metrics, &config.tls, IDENTITY),
        registry,
        exchange,
        producers,
    }
    .open(context, started)
    .await
}

/// Bounds of an exchange from a role's settings.
pub(crate) fn exchange_limits(
    queue: &QueueConfig,
    total_bytes: usize,
    message_bytes: usize,
) -> ExchangeLimits {
    let envelopes = u64::try_from(queue.envelopes).unwrap_or(u64::MAX);
    let queue = QueueLimits {
        bytes: queue.bytes,
        envelopes,
        frame: message_bytes,
    };
    ExchangeLimits { queue, total_bytes }
}

/// An Ingress service of both generations that publishes to `exchange` as it is.
pub(crate) fn publishing(
    exchange: &Arc<Exchange>,
    message_bytes: usize,
    context: &ServeContext,
) -> Ingress {
    let own = Arc::clone(exchange);
    let open = move || Box::new(own.publisher()) as Box<dyn Sink>;
    Ingress::new(open, message_bytes, context.shutdown.clone()).with_v1(exchange)
}

/// Ends every queue when the process stops and the streams of these producers are
/// over: readers get what is there, then the end.
pub(crate) fn end_with(
    exchange: &Arc<Exchange>,
    producers: &[TaskTracker],
    context: &ServeContext,
) {
    let exchange = Arc::clone(exchange);
    let producers = producers.to_vec();
    let Shutdown {
        stop,
        abort,
        tracker,
    } = context.shutdown.clone();
    tracker.spawn(async move {
        stop.cancelled().await;
        let over = async {
            if !producers.is_empty() {
                // For streams whose beginning is on its way.
                tokio::time::sleep(QUIET).await;
            }
            for streams in &producers {
                streams.close();
                streams.wait().await;
            }
        };
        abort.run_until_cancelled(over).await;
        exchange.end();
    });
}

impl Sink for Publisher {
    fn accept(&mut self, batch: bytes::Bytes) {
        self.publish(&batch);
    }

    fn overflowed(&mut self) -> bool {
        Publisher::overflowed(self)
    }
}

/// A router's figures under the peers' names.
pub(crate) fn collect(registry: &Registry, exchange: &Arc<Exchange>) {
    let exchange = Arc::clone(exchange);
    registry.collect(move |snapshot| {
        let stats = exchange.stats();
        RouterFigures {
            ingress: stats.ingress.ingress,
            egress: stats.queues.taken,
            dropped_ingress: stats.ingress.malformed,
            dropped_egress: stats.queues.dropped_total(),
            subscriptions: stats.subscriptions,
        }
        .report(snapshot);
        HopFigures::report_exchange(&exchange, snapshot);
    });
}
