//! The traffic controller as a role of its own.

use std::{net::SocketAddr, sync::Arc};

use logweir_net::tls::Alpn;
use logweir_route::Exchange;

use super::{
    Info, Options, SecurityLog, Source, TrafficController, TrafficControllerConfig, upstream,
};
use crate::{
    auth::Authorizer,
    context::{ServeContext, StartError, Started},
    conversion::CONVERTER,
    doors,
    front::{AccessLog, Front, Readiness},
    gateway::{self, Https},
    grpc::{ReadersOptions, Upstream, V1Readers},
    metrics::{HopFigures, Registry},
    router::{end_with, exchange_limits},
    self_metrics::{self, Events, Identity},
};

/// Largest envelope that a router may send, in bytes: as the peers.
const MESSAGE_BYTES: usize = 10 << 20;

/// The peers' name of the role.
pub(crate) const IDENTITY: Identity = Identity {
    source_id: "traffic_controller",
    origin: "loggregator.trafficcontroller",
};

/// Starts a traffic controller. Its doors are bound when this returns: `ws`, and
/// `status` where the settings ask for it.
///
/// # Errors
/// A certificate that cannot be loaded, a router's address that cannot be read, an
/// address that cannot be bound, or an open door beyond loopback.
pub async fn start(
    config: TrafficControllerConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("ws");
    let registry = Registry::new();
    let suites = &config.cipher_suites;
    let https = config.https.as_ref().map(|files| Https {
        files,
        suites,
        alpn: Alpn::Http1,
    });
    let (authorizer, tls) = gateway::guard(&config.auth, config.listen, https, &registry, context)?;
    let client = doors::client_tls("the traffic controller", &config.router_tls, suites)?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let routers = upstream::start(&config, &client, &readiness, &registry, context)?;
    let limits = exchange_limits(&config.queue, config.queues_total_bytes, MESSAGE_BYTES);
    let exchange = Exchange::of_both(limits, CONVERTER);
    started.hop("traffic-controller", &exchange);
    let options = ReadersOptions {
        max_streams: usize::MAX,
        message_bytes: MESSAGE_BYTES,
        hop: "traffic-controller",
    };
    let from = Upstream::Routers(Arc::clone(&routers));
    let readers = V1Readers::new(Arc::clone(&exchange), from, options, config.place.place());
    collect(&registry, &exchange);
    let to = &config.self_metrics;
    let events = self_metrics::start(to, &config.router_tls, &registry, IDENTITY, context)?;
    let door = Door {
        address: config.listen,
        tls: tls.is_some(),
        source: Source::routers(readers, routers),
        authorizer,
        events,
    };
    let controller = controller(&config, door, &registry, context).await?;
    doors::status(
        config.status,
        None,
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    let front = Front::new(None, None, AccessLog::Tracing).with_traffic_controller(controller);
    let settings = Front::http_settings();
    doors::http(
        "ws",
        config.listen,
        tls,
        settings,
        front,
        context,
        &mut started,
    )
    .await?;
    end_with(&exchange, &[], context);
    part.ready();
    Ok(started)
}

/// The door that a traffic controller answers at, and what is around it.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) source: Source,
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) events: Events,
}

/// The traffic controller of a door.
///
/// # Errors
/// A security log that cannot be opened.
pub(crate) async fn controller(
    config: &TrafficControllerConfig,
    door: Door,
    registry: &Registry,
    context: &ServeContext,
) -> Result<TrafficController, StartError> {
    let shown = config.security_log_address;
    let shown = SocketAddr::new(shown.unwrap_or(door.address.ip()), door.address.port());
    let security_log = match &config.security_log {
        Some(path) => {
            let key = "traffic_controller.security_log";
            let product = "loggregator_trafficcontroller";
            Some(SecurityLog::open(path, key, product, shown, registry, context).await?)
        }
        None => None,
    };
    let info = config.info.then(|| Info {
        tls: door.tls,
        token_endpoint: match &config.auth.uaa {
            Some(uaa) => uaa.url.clone(),
            None => String::new(),
        },
    });
    let options = Options {
        source: door.source,
        authorizer: door.authorizer,
        sessions: config.sessions.clone(),
        cookie: config.cookie.clone(),
        security_log,
        info,
        events: door.events,
    };
    let shutdown = context.shutdown.clone();
    Ok(TrafficController::new(options, registry, shutdown))
}

/// What came from the routers, under the peers' name, and the books of the sessions.
fn collect(registry: &Registry, exchange: &Arc<Exchange>) {
    let exchange = Arc::clone(exchange);
    registry.collect(move |snapshot| {
        let stats = exchange.stats();
        let labels = [("protocol", "grpc"), ("metric_version", "2.0")];
        let help = "Envelopes received from routers.";
        snapshot.counter("ingress", help, &labels, stats.ingress.ingress);
        HopFigures::report_exchange(&exchange, snapshot);
    });
}
