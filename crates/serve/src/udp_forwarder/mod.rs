//! The UDP forwarder: dropsonde datagrams to the agent of the machine, as V2.

mod config;

use std::sync::Arc;

use logweir_net::resolve::Resolver;
use logweir_route::{Exchange, SubscribeRequest};
use tokio::time::Duration;

pub use config::UdpForwarderConfig;

use crate::{
    agent::{self, Call, Links, LinksOptions},
    context::{ServeContext, StartError, Started},
    doors,
    dropsonde::{self, Onward},
    front::Readiness,
    metrics::Registry,
    router::{end_with, exchange_limits},
};

/// How often the agent's name is looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// Largest envelope handed on, in bytes: a datagram and its tags are far smaller.
const FRAME: usize = 1 << 20;

/// Starts a UDP forwarder. Its doors are bound when this returns: `udp`, and `legacy`,
/// `metrics` and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an agent's address that cannot be read, or an
/// address that cannot be bound.
pub async fn start(
    config: UdpForwarderConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("udp");
    let client = doors::client_tls("the UDP forwarder", &config.tls, &config.cipher_suites)?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let agent = doors::targets("udp_forwarder.agent", std::slice::from_ref(&config.agent))?;

    let exchange = Exchange::new(exchange_limits(&config.queue, usize::MAX, FRAME));
    started.hop("udp forwarder", &exchange);
    // One queue, filled past the index: every envelope goes to the agent.
    let queue = exchange.subscribe(SubscribeRequest::default());
    let feeder = queue.feeder();
    let registry = Registry::new();
    let plan = dropsonde::Plan {
        dropsonde: ("udp", Some(config.listen)),
        config: &config.dropsonde,
        // The agent adds up.
        totals: false,
        exchange: &exchange,
    };
    let onward = || Onward::Agent(feeder.another());
    let doors = dropsonde::open(&plan, onward, &registry, context, &mut started)?;
    let links = Links::start(
        doors::dialer(&client, &config.agent_name),
        Resolver::new(),
        LinksOptions {
            call: Call::BatchSender,
            hop: "udp forwarder",
            place: Arc::default(),
            next: "agent",
            tiers: [Vec::new(), agent],
            connections: 1,
            resolve_interval: RESOLVE_EVERY,
            stall_timeout: config.stall_timeout,
            recycle_after: 0,
        },
        queue,
        &context.shutdown,
    );
    end_with(&exchange, &doors.producers, context);
    agent::collect_datagrams(&registry, &exchange, doors, Arc::clone(&links), || None);
    doors::status(
        config.status,
        config.metrics.as_ref(),
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    part.ready();
    Ok(started)
}
