//! From a source of metrics to the agent of the machine: one queue, one connection.

use std::{sync::Arc, time::Duration};

use logweir_net::resolve::Resolver;
use logweir_route::{Exchange, Feeder, SubscribeRequest};
use tokio_util::task::TaskTracker;

use crate::{
    agent::{Call, Links, LinksOptions, with_waiting},
    context::{ServeContext, StartError, Started},
    doors,
    grpc::Sink,
    metrics::{HopFigures, Registry},
    outlet::OpenSink,
    router::{end_with, exchange_limits},
    settings::{QueueConfig, TlsFiles},
};

/// How often the agent's name is looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// Largest envelope handed on, in bytes: what an agent takes.
const FRAME: usize = 10 << 20;

/// Where the agent is, and who asks.
pub(crate) struct Plan<'a> {
    /// The role, in words.
    pub(crate) role: &'static str,
    /// The key of `agent`.
    pub(crate) key: &'static str,
    pub(crate) agent: &'a str,
    pub(crate) agent_name: &'a str,
    pub(crate) tls: &'a TlsFiles,
    pub(crate) suites: &'a [String],
    pub(crate) stall_timeout: Duration,
    pub(crate) queue: &'a QueueConfig,
    pub(crate) call: Call,
}

/// The way to the agent.
pub(crate) struct ToAgent {
    exchange: Arc<Exchange>,
    links: Arc<Links>,
    feeder: Feeder,
}

impl ToAgent {
    /// Starts connecting.
    ///
    /// # Errors
    /// A certificate that cannot be loaded, or an address that cannot be read.
    pub(crate) fn start(
        plan: &Plan<'_>,
        context: &ServeContext,
        started: &mut Started,
    ) -> Result<Self, StartError> {
        let client = doors::client_tls(plan.role, plan.tls, plan.suites)?;
        context.watch_tls(Vec::new(), vec![client.clone()]);
        let agent = doors::targets(plan.key, &[plan.agent.to_owned()])?;
        let exchange = Exchange::new(exchange_limits(plan.queue, usize::MAX, FRAME));
        started.hop(plan.role, &exchange);
        // One queue, filled past the index: every envelope goes to the agent.
        let queue = exchange.subscribe(SubscribeRequest::default());
        let feeder = queue.feeder();
        let options = LinksOptions {
            call: plan.call,
            hop: plan.role,
            place: Arc::default(),
            next: "agent",
            tiers: [Vec::new(), agent],
            connections: 1,
            resolve_interval: RESOLVE_EVERY,
            stall_timeout: plan.stall_timeout,
            recycle_after: 0,
        };
        let dialer = doors::dialer(&client, plan.agent_name);
        let links = Links::start(dialer, Resolver::new(), options, queue, &context.shutdown);
        Ok(Self {
            exchange,
            links,
            feeder,
        })
    }

    /// Sinks that fill the queue.
    pub(crate) fn sinks(&self) -> OpenSink {
        let feeder = self.feeder.another();
        Arc::new(move || Box::new(feeder.another()) as Box<dyn Sink>)
    }

    /// Shows the books of the queue, and lets it end once these producers have.
    pub(crate) fn finish(
        self,
        producers: &[TaskTracker],
        registry: &Registry,
        context: &ServeContext,
    ) {
        let Self {
            exchange, links, ..
        } = self;
        end_with(&exchange, producers, context);
        registry.collect(move |snapshot| {
            let waiting = links.waiting();
            let stats = exchange.stats();
            let losses = exchange.losses();
            HopFigures {
                ingress: stats.ingress,
                queues: with_waiting(stats.queues, waiting),
                losses: &losses,
            }
            .report(snapshot);
            let help = "Open connections to the agent.";
            let open = links.open() as f64;
            snapshot.gauge("agent_connections", help, "connections", &[], open);
        });
    }
}
