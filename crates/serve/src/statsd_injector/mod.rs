//! The statsd injector: lines of statsd to the agent of the machine, as V2.

mod config;

pub use config::StatsdInjectorConfig;

use crate::{
    agent::Call,
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    metrics::Registry,
    statsd,
    to_agent::{Plan, ToAgent},
};

/// Starts a statsd injector. Its doors are bound when this returns: `statsd`, and
/// `metrics` and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an agent's address that cannot be read, or an
/// address that cannot be bound.
pub async fn start(
    config: StatsdInjectorConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("statsd");
    let registry = Registry::new();
    let plan = Plan {
        role: "statsd injector",
        key: "statsd_injector.agent",
        agent: &config.agent,
        agent_name: &config.agent_name,
        tls: &config.tls,
        suites: &config.cipher_suites,
        stall_timeout: config.stall_timeout,
        queue: &config.queue,
        // What the peer calls; agents may know no other.
        call: Call::Sender,
    };
    let agent = ToAgent::start(&plan, context, &mut started)?;
    let (listen, sinks) = (config.listen, agent.sinks());
    let door = statsd::open(
        listen,
        &config.statsd,
        &sinks,
        &registry,
        context,
        &mut started,
    )?;
    agent.finish(&[door], &registry, context);
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
    part.ready();
    Ok(started)
}
