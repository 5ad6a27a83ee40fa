//! The reverse log proxy: reads from every router on behalf of its readers.

mod config;

use std::sync::Arc;

use logweir_net::{resolve::Resolver, tls::Alpn};
use logweir_route::Exchange;

pub use config::RlpConfig;

use crate::{
    context::{ServeContext, StartError, Started},
    doors::{self, GrpcDoor},
    grpc::{Door, Readers, ReadersOptions, Upstream},
    grpc_role::GrpcRole,
    metrics::{HopFigures, Registry, RlpFigures},
    router::exchange_limits,
    routers::{Routers, RoutersOptions, Zone},
    self_metrics::Identity,
};

/// Largest message read from a router, in bytes: as the peers.
const ROUTER_MESSAGE_BYTES: usize = 10 << 20;

/// The peers' name of the role.
pub(crate) const IDENTITY: Identity = Identity {
    source_id: "reverse_log_proxy",
    origin: "loggregator.rlp",
};

/// Starts a reverse log proxy. Its doors are bound when this returns: `grpc`, and
/// `status` where the settings ask for it.
///
/// # Errors
/// A certificate that cannot be loaded, a router's address that cannot be read, or
/// an address that cannot be bound.
pub async fn start(config: RlpConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let suites = &config.cipher_suites;
    let server = doors::server_tls("the reverse log proxy", &config.tls, suites, Alpn::H2)?;
    let client = doors::client_tls("the reverse log proxy", &config.tls, suites)?;
    context.watch_tls(vec![server.clone()], vec![client.clone()]);
    let options = RoutersOptions {
        zones: vec![Zone {
            name: String::new(),
            targets: doors::targets("rlp.routers", &config.routers)?,
        }],
        resolve_interval: config.resolve_interval,
        connections: config.connections_per_router,
        message_bytes: ROUTER_MESSAGE_BYTES,
    };
    let dialer = doors::dialer(&client, &config.router_name);
    let routers = Routers::start(dialer, Resolver::new(), options, &context.shutdown);
    let limits = exchange_limits(
        &config.queue,
        config.queues_total_bytes,
        config.limits.message_bytes,
    );
    let exchange = Exchange::new(limits);
    started.hop("rlp", &exchange);
    let options = ReadersOptions {
        max_streams: config.max_streams,
        message_bytes: config.reader_message_bytes,
        hop: "rlp",
    };
    let upstream = Upstream::Routers(Arc::clone(&routers));
    let readers = Readers::new(Arc::clone(&exchange), upstream, options);
    let registry = Registry::new();
    collect(&registry, &exchange, &readers, Some(routers));
    let books = Arc::clone(&exchange);
    registry.collect(move |snapshot| HopFigures::report_exchange(&books, snapshot));
    let door = Door::new(None, Some(readers));
    GrpcRole {
        door: GrpcDoor {
            name: "grpc",
            address: config.listen,
            tls: Some(server),
            limits: &config.limits,
        },
        services: door,
        status: config.status,
        self_metrics: (&config.self_metrics, &config.tls, IDENTITY),
        registry,
        exchange,
        producers: Vec::new(),
    }
    .open(context, started)
    .await
}

/// The figures of a proxy's readers under the peers' names.
pub(crate) fn collect(
    registry: &Registry,
    exchange: &Arc<Exchange>,
    readers: &Arc<Readers>,
    routers: Option<Arc<Routers>>,
) {
    let (exchange, readers) = (Arc::clone(exchange), Arc::clone(readers));
    registry.collect(move |snapshot| {
        let stats = exchange.stats();
        let (router_connects, router_disconnects) = routers
            .as_ref()
            .map_or((0, 0), |routers| routers.connects());
        RlpFigures {
            ingress: stats.ingress.ingress,
            egress: stats.queues.taken,
            dropped: stats.queues.dropped_total(),
            rejected_streams: readers.rejected_streams(),
            subscriptions: readers.open_streams(),
            router_connects,
            router_disconnects,
        }
        .report(snapshot);
    });
}
