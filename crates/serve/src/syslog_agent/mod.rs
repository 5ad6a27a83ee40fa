//! The syslog agent: the envelopes of one machine to the drains of their apps.

mod cache;
mod config;
mod intake;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use logweir_drain::plan::Rules;
use logweir_net::tls::Alpn;
use logweir_route::Exchange;

pub use config::SyslogAgentConfig;

use crate::{
    agent::Call,
    context::{ServeContext, StartError, Started},
    doors,
    drains::{self, Declared, Drains, Refusals},
    front::Readiness,
    grpc::{Door, Ingress, Sink},
    metrics::{HopFigures, Registry},
    outlet::OpenSink,
    router::{end_with, exchange_limits},
    settings::QueueConfig,
    to_agent::{self, ToAgent},
};

use cache::{Cache, Figures, Poller};
use intake::Intake;

/// When the connection to the agent has stalled.
const STALL: std::time::Duration = std::time::Duration::from_secs(5);

/// What may wait for the agent: lines about drains.
const NOTICES: QueueConfig = QueueConfig {
    bytes: 1 << 20,
    envelopes: 4096,
};

/// Starts a syslog agent. Its doors are bound when this returns: `grpc`, and `metrics` and
/// `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an address that cannot be read or bound, a drain of
/// the configuration that is none, or a range of addresses that is none.
pub async fn start(
    config: SyslogAgentConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("grpc");
    let suites = &config.cipher_suites;
    let server = doors::server_tls("the syslog agent", &config.tls, suites, Alpn::H2)?;
    context.watch_tls(vec![server.clone()], Vec::new());

    let message_bytes = config.limits.message_bytes;
    let limits = exchange_limits(&config.queue, config.queues_total_bytes, message_bytes);
    let exchange = Exchange::new(limits);
    started.hop("syslog agent", &exchange);
    let registry = Registry::new();
    let notices = notices(&config, &exchange, context, &mut started)?;
    let own = &config.delivery;
    let plan = drains::Plan {
        exchange: &exchange,
        config: own,
        platform_ca: &config.tls.ca,
        notices: notices(),
        naming: None,
        feed: None,
    };
    let drains = Drains::new(plan, context)?;
    let takes = Declared {
        drains: Some(own.url_defaults()),
        nozzles: false,
    };
    drains::follow_declared(&drains, takes, context)?;
    poll(&config, &drains, &notices, &registry, context)?;

    let mapped = Arc::new(AtomicU64::new(0));
    collect(&registry, &exchange, &mapped);
    drains::collect(&registry, &drains);
    let open = {
        let exchange = Arc::clone(&exchange);
        move || {
            let intake = Intake::new(exchange.publisher(), Arc::clone(&mapped));
            Box::new(intake) as Box<dyn Sink>
        }
    };
    let ingress = Ingress::new(open, message_bytes, context.shutdown.clone());
    let producers = [ingress.streams()];
    let metrics = config.metrics.as_ref();
    doors::status(
        config.status,
        metrics,
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    let at = doors::GrpcDoor {
        name: "grpc",
        address: config.listen,
        tls: Some(server),
        limits: &config.limits,
    };
    let door = Door::new(Some(ingress), None);
    doors::grpc(at, door, &registry, context, &mut started).await?;
    end_with(&exchange, &producers, context);
    part.ready();
    Ok(started)
}

/// Where apps are told about their drains: through the agent, or by their drains alone.
fn notices(
    config: &SyslogAgentConfig,
    exchange: &Arc<Exchange>,
    context: &ServeContext,
    started: &mut Started,
) -> Result<OpenSink, StartError> {
    if config.agent.is_empty() {
        let exchange = Arc::clone(exchange);
        return Ok(Arc::new(move || {
            Box::new(exchange.publisher()) as Box<dyn Sink>
        }));
    }
    let plan = to_agent::Plan {
        role: "syslog agent's messages",
        key: "syslog_agent.agent",
        agent: &config.agent,
        agent_name: &config.agent_name,
        tls: &config.tls,
        suites: &[],
        stall_timeout: STALL,
        queue: &NOTICES,
        call: Call::BatchSender,
    };
    let agent = ToAgent::start(&plan, context, started)?;
    let sinks = agent.sinks();
    // Their books are apart from those of the drains.
    agent.finish(&[], &Registry::new(), context);
    Ok(sinks)
}

/// Follows the lists of the binding cache, if there is one.
fn poll(
    config: &SyslogAgentConfig,
    drains: &Arc<Drains>,
    notices: &OpenSink,
    registry: &Registry,
    context: &ServeContext,
) -> Result<(), StartError> {
    let figures = Figures::register(registry);
    if config.cache.is_empty() {
        return Ok(());
    }
    let cache = Cache::new(config, context)?;
    let poller = |interval| Poller {
        cache: Arc::clone(&cache),
        drains: Arc::clone(drains),
        rules: Rules {
            defaults: config.delivery.url_defaults(),
            per_app: config.drains_per_app,
        },
        refusals: config
            .warn_on_invalid_drains
            .then(|| Refusals::new(notices(), config.delivery.notice_interval)),
        interval,
    };
    let tracker = &context.shutdown.tracker;
    let stop = context.shutdown.stop.clone();
    let bindings = poller(config.poll_interval).bindings(figures);
    tracker.spawn(async move { stop.run_until_cancelled(bindings).await });
    if config.aggregate_from_cache {
        let stop = context.shutdown.stop.clone();
        let aggregate = poller(config.aggregate_poll_interval).aggregate();
        tracker.spawn(async move { stop.run_until_cancelled(aggregate).await });
    }
    Ok(())
}

/// The peer's figures of its door (spec agents-and-drains §1.4), and ours.
fn collect(registry: &Registry, exchange: &Arc<Exchange>, mapped: &Arc<AtomicU64>) {
    let (exchange, mapped) = (Arc::clone(exchange), Arc::clone(mapped));
    registry.collect(move |to| {
        let stats = exchange.stats();
        let help = "Envelopes received, and deliveries to drains that they make.";
        to.counter(
            "ingress",
            help,
            &[("scope", "agent")],
            stats.ingress.ingress,
        );
        let labels = [("scope", "all_drains")];
        to.counter("ingress", help, &labels, stats.queues.offered);
        let help = "Envelopes that were none, and deliveries that failed.";
        let labels = [("direction", "ingress")];
        to.counter("dropped", help, &labels, stats.ingress.malformed);
        let labels = [("direction", "egress")];
        to.counter("dropped", help, &labels, stats.queues.dropped_total());
        let help = "Envelopes whose source id came from their origin tag.";
        to.counter("origin_mappings", help, &[], mapped.load(Relaxed));
        HopFigures::report_exchange(&exchange, to);
    });
}
