//! The agent's V1 path: from the UDP doors to the routers' `Pusher`, in a queue and over
//! connections of its own.

use std::sync::Arc;

use logweir_net::{resolve::Resolver, tls::ClientTls};
use logweir_route::Exchange;

use super::{AgentConfig, Call, Links, LinksOptions, links_options, pipeline::Average};
use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    dropsonde::{self, Doors, Onward},
    metrics::{DatagramFigures, HopFigures, Registry},
    router::{end_with, exchange_limits},
};

/// Opens the UDP doors that the settings ask for. Without any there is no V1 path.
pub(super) fn start(
    config: &AgentConfig,
    client: &ClientTls,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<(), StartError> {
    if config.udp.is_none() && config.dropsonde.legacy.is_none() {
        return Ok(());
    }
    let message_bytes = config.limits.message_bytes;
    let exchange = Exchange::new(exchange_limits(&config.queue, usize::MAX, message_bytes));
    started.hop("agent v1", &exchange);
    let queue = exchange.subscribe_v1_fed(None);
    let feeder = queue.feeder();
    let plan = dropsonde::Plan {
        dropsonde: ("udp", config.udp),
        config: &config.dropsonde,
        totals: true,
        exchange: &exchange,
    };
    let onward = || Onward::Routers(feeder.another());
    let doors = dropsonde::open(&plan, onward, registry, context, started)?;
    let links = Links::start(
        doors::dialer(client, &config.router_name),
        Resolver::new(),
        LinksOptions {
            call: Call::Pusher,
            place: config.dropsonde.place(),
            ..links_options(config)?
        },
        queue,
        &context.shutdown,
    );
    end_with(&exchange, &doors.producers, context);
    let streams = {
        let links = Arc::clone(&links);
        move || Some(links.open())
    };
    collect(registry, &exchange, doors, links, streams);
    Ok(())
}

/// The figures of a hop with UDP doors. `streams` tells how many V1 streams are open.
pub(crate) fn collect(
    registry: &Registry,
    exchange: &Arc<Exchange>,
    doors: Doors,
    links: Arc<Links>,
    streams: impl Fn() -> Option<usize> + Send + Sync + 'static,
) {
    let exchange = Arc::clone(exchange);
    let average = Average::default();
    registry.collect(move |snapshot| {
        let waiting = links.waiting();
        let stats = exchange.stats();
        let queues = super::with_waiting(stats.queues, waiting);
        let ingress = stats.ingress;
        DatagramFigures {
            ingress: ingress.ingress,
            egress: queues.taken,
            invalid: ingress.malformed,
            dropped: queues.dropped_total() + doors.kernel_dropped(),
            average_envelope: average.update(ingress.bytes, ingress.ingress),
            streams: streams(),
        }
        .report(snapshot);
        let losses = exchange.losses();
        HopFigures {
            ingress,
            queues,
            losses: &losses,
        }
        .report(snapshot);
    });
}
