//! The forwarder agent: every envelope of one machine to each of its destinations.

mod config;
mod fanout;
mod files;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use logweir_net::{resolve::Target, tls::Alpn};
use logweir_proto::edit::DefaultTags;
use logweir_route::Exchange;

pub use config::ForwarderAgentConfig;

use crate::{
    agent::{Onward, Pipeline, Rules, with_waiting},
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    grpc::{Door, Ingress, Sink},
    metrics::{HopFigures, Registry, Snapshot},
    otlp_export,
    router::{end_with, exchange_limits},
};

use fanout::Fanout;
use files::{Destination, Files, Protocol};

/// How often the files of destinations are looked at, and losses are logged.
const LOOK: Duration = Duration::from_secs(5);

/// Starts a forwarder agent. Its doors are bound when this returns: `grpc`, and `metrics`
/// and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, a destination or a pattern that cannot be read, or
/// an address that cannot be bound.
pub async fn start(
    config: ForwarderAgentConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("grpc");
    let suites = &config.cipher_suites;
    let server = doors::server_tls("the forwarder agent", &config.tls, suites, Alpn::H2)?;
    let client = doors::client_tls("the forwarder agent", &config.tls, suites)?;
    context.watch_tls(vec![server.clone()], vec![client.clone()]);

    let message_bytes = config.limits.message_bytes;
    let exchange = Exchange::new(exchange_limits(&config.queue, usize::MAX, message_bytes));
    started.hop("forwarder agent", &exchange);
    let rules = Rules::new(DefaultTags::new(&config.tags), config.counters, false);
    let dialer = doors::dialer(&client, &config.destination_name);
    let otel = (
        config.otel.clone(),
        otlp_export::dialer(&client, &config.otel.name),
    );
    let stall_timeout = config.stall_timeout;
    let fanout = Fanout::new(&exchange, dialer, stall_timeout, otel, &context.shutdown);
    follow(&config, &fanout, context)?;

    let registry = Registry::new();
    collect(&registry, &exchange, &rules, &fanout);
    let open = {
        let exchange = Arc::clone(&exchange);
        move || {
            let onward = Onward::Exchange(Box::new(exchange.publisher()));
            let pipeline = Pipeline::new(Arc::clone(&rules), Arc::clone(&exchange), onward);
            Box::new(pipeline) as Box<dyn Sink>
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

/// Sets the destinations now and whenever the files that name them change.
fn follow(
    config: &ForwarderAgentConfig,
    fanout: &Arc<Fanout>,
    context: &ServeContext,
) -> Result<(), StartError> {
    let targets = doors::targets("forwarder_agent.destinations", &config.destinations)?;
    let fixed = config.destinations.iter().map(|address| Destination {
        address: address.clone(),
        protocol: Protocol::Loggregator,
    });
    let fixed: BTreeMap<Destination, Target> = fixed.zip(targets).collect();
    let mut files = Files::new(&config.destination_files).map_err(|error| {
        StartError::Setting(format!("forwarder_agent.destination_files: {error}"))
    })?;
    let mut wanted = move || {
        let found = files.read().into_iter();
        // An address made of a port can always be read.
        let found = found.filter_map(|one| {
            let target = one.address.parse().ok()?;
            Some((one, target))
        });
        fixed.clone().into_iter().chain(found).collect()
    };
    fanout.set(wanted());
    let (fanout, reload) = (Arc::clone(fanout), Arc::clone(&context.reload));
    let stop = context.shutdown.stop.clone();
    let following = async move {
        loop {
            tokio::select! {
                () = reload.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            fanout.log_losses();
            fanout.set(wanted());
        }
    };
    let tracker = &context.shutdown.tracker;
    tracker.spawn(async move { stop.run_until_cancelled(following).await });
    Ok(())
}

/// The peer's figures (spec agents-and-drains §1.2), and ours.
fn collect(
    registry: &Registry,
    exchange: &Arc<Exchange>,
    rules: &Arc<Rules>,
    fanout: &Arc<Fanout>,
) {
    let (exchange, rules, fanout) = (Arc::clone(exchange), Arc::clone(rules), Arc::clone(fanout));
    registry.collect(move |to| {
        let waiting = fanout.waiting();
        let stats = exchange.stats();
        let help = "Envelopes received.";
        to.counter("ingress", help, &[], stats.ingress.ingress);
        let labels = [("direction", "ingress")];
        let help = "Envelopes that were none.";
        to.counter("dropped", help, &labels, stats.ingress.malformed);
        let help = "Envelopes whose source id came from their origin tag.";
        to.counter("origin_mappings", help, &[], rules.origin_mappings());
        expired(&fanout, to);
        fanout.report_collectors(to);
        let losses = exchange.losses();
        HopFigures {
            ingress: stats.ingress,
            queues: with_waiting(stats.queues, waiting),
            losses: &losses,
        }
        .report(to);
    });
}

fn expired(fanout: &Fanout, to: &mut Snapshot) {
    for (destination, stats) in fanout.balances() {
        let Destination { address, protocol } = &destination;
        let labels = [("protocol", protocol.name()), ("destination", &**address)];
        let help = "Envelopes that a destination did not get.";
        let lost = stats.dropped_total();
        to.counter("egress_expired_total", help, &labels, lost);
        let labels = [("destination", &**address)];
        let help = "Envelopes handed to a destination's connection.";
        to.counter("logweir_destination_egress", help, &labels, stats.taken);
        let help = "Envelopes that wait for a destination.";
        let queued = stats.queued as f64;
        to.gauge(
            "logweir_destination_queued",
            help,
            "envelopes",
            &labels,
            queued,
        );
    }
}
