//! The agent of one machine: tags, sums and spreads envelopes over the routers.

mod call;
mod config;
mod lanes;
mod links;
mod pipeline;
mod spread;
mod v1;

use std::{sync::Arc, time::Duration};

use logweir_net::{resolve::Resolver, tls::Alpn};
use logweir_proto::edit::DefaultTags;
use logweir_route::{Exchange, QueueStats, SubscribeRequest};

pub use config::AgentConfig;
pub use pipeline::{Onward, Pipeline, Rules};

use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    grpc::{Door, Ingress, Sink},
    metrics::{AgentFigures, HopFigures, Registry},
    otlp,
    outlet::OpenSink,
    router::{end_with, exchange_limits},
    self_metrics,
};
pub(crate) use call::Call;
pub(crate) use links::{Links, LinksOptions};
pub(crate) use v1::collect as collect_datagrams;

/// The agent's own counters are sent this often.
const LEGACY_INTERVAL: Duration = Duration::from_secs(15);

/// Starts an agent. Its doors are bound when this returns: `grpc`, and `udp`,
/// `otlp_grpc`, `otlp_http`, `metrics` and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, a router's address that cannot be read, or
/// an address that cannot be bound.
pub async fn start(config: AgentConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("grpc");
    let suites = &config.cipher_suites;
    let server = doors::server_tls("the agent", &config.tls, suites, Alpn::H2)?;
    let client = doors::client_tls("the agent", &config.tls, suites)?;
    context.watch_tls(vec![server.clone()], vec![client.clone()]);

    let message_bytes = config.limits.message_bytes;
    let exchange = Exchange::new(exchange_limits(&config.queue, usize::MAX, message_bytes));
    started.hop("agent", &exchange);
    // One queue, filled past the index: every envelope of an agent goes to routers.
    let queue = exchange.subscribe(SubscribeRequest::default());
    let feeder = queue.feeder();
    let rules = rules(&config, context);
    let links = Links::start(
        doors::dialer(&client, &config.router_name),
        Resolver::new(),
        links_options(&config)?,
        queue,
        &context.shutdown,
    );
    let registry = Registry::new();
    collect(&registry, &exchange, &rules, &links);
    let open = {
        let (rules, exchange) = (Arc::clone(&rules), Arc::clone(&exchange));
        move || {
            let onward = Onward::Routers(feeder.another());
            let pipeline = Pipeline::new(Arc::clone(&rules), Arc::clone(&exchange), onward);
            Box::new(pipeline) as Box<dyn Sink>
        }
    };
    let sinks: OpenSink = Arc::new(open);
    let ingress = {
        let sinks = Arc::clone(&sinks);
        Ingress::new(move || sinks(), message_bytes, context.shutdown.clone())
    };
    let at = (config.otlp_grpc, config.otlp_http);
    let own = &config.otlp;
    let otlp = otlp::open(at, own, &sinks, &registry, context, &mut started).await?;
    let producers = [ingress.streams(), otlp];
    let door = Door::new(Some(ingress), None);
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
    v1::start(&config, &client, &registry, context, &mut started)?;
    if config.legacy_metric_names {
        self_metrics::publish_metron(&registry, &sinks, LEGACY_INTERVAL, context);
    }
    let at = doors::GrpcDoor {
        name: "grpc",
        address: config.listen,
        tls: Some(server),
        limits: &config.limits,
    };
    doors::grpc(at, door, &registry, context, &mut started).await?;
    end_with(&exchange, &producers, context);
    part.ready();
    Ok(started)
}

/// How an agent's connections to routers behave, those for V2 at first.
fn links_options(config: &AgentConfig) -> Result<LinksOptions, StartError> {
    Ok(LinksOptions {
        call: Call::BatchSender,
        hop: "agent",
        place: Arc::default(),
        next: "router",
        tiers: [
            doors::targets("agent.preferred_routers", &config.preferred_routers)?,
            doors::targets("agent.routers", &config.routers)?,
        ],
        connections: config.connections,
        resolve_interval: config.resolve_interval,
        stall_timeout: config.stall_timeout,
        recycle_after: config.recycle_after,
    })
}

/// The balance of an agent's queue, with what waits in its connections' lanes: that has
/// left the queue, not the agent. `waiting` has to be asked for first: all of it has been
/// taken by the time of the balance.
pub(crate) fn with_waiting(mut queues: QueueStats, (envelopes, bytes): (u64, u64)) -> QueueStats {
    let envelopes = envelopes.min(queues.taken);
    queues.taken -= envelopes;
    queues.queued += envelopes;
    queues.queued_bytes += bytes;
    queues
}

/// The rules of an agent, whose tags follow the settings while the process runs.
pub(crate) fn rules(config: &AgentConfig, context: &ServeContext) -> Arc<Rules> {
    let rules = Rules::new(
        DefaultTags::new(&config.tags),
        config.counters,
        config.drop_logs,
    );
    let follow = Arc::clone(&rules);
    let mut live = context.live.clone();
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let changes = async {
            while live.changed().await.is_ok() {
                let tags = DefaultTags::new(&live.borrow_and_update().tags);
                follow.set_tags(tags);
            }
        };
        stop.run_until_cancelled(changes).await;
    });
    rules
}

/// An agent's figures under the peers' names.
fn collect(registry: &Registry, exchange: &Arc<Exchange>, rules: &Arc<Rules>, links: &Arc<Links>) {
    let (exchange, rules, links) = (Arc::clone(exchange), Arc::clone(rules), Arc::clone(links));
    let average = pipeline::Average::default();
    registry.collect(move |snapshot| {
        let waiting = links.waiting();
        let stats = exchange.stats();
        let queues = with_waiting(stats.queues, waiting);
        AgentFigures {
            ingress: stats.ingress.ingress,
            egress: queues.taken,
            dropped_ingress: stats.ingress.malformed,
            dropped_egress: queues.dropped_total(),
            origin_mappings: rules.origin_mappings(),
            average_envelope: average.update(stats.ingress.bytes, stats.ingress.ingress),
            connections: links.open(),
            streams: links.open(),
        }
        .report(snapshot);
        let losses = exchange.losses();
        HopFigures {
            ingress: stats.ingress,
            queues,
            losses: &losses,
        }
        .report(snapshot);
    });
}
