//! The prom scraper: metrics pages into envelopes.
//!
//! [`files`] finds the targets that files name, [`target`] scrapes one of them,
//! [`convert`] makes envelopes of a page, and [`crew`] keeps a task for each target.

mod config;
mod convert;
mod crew;
mod files;
mod state;
mod target;

pub use config::{PromScraperConfig, TargetConfig, TargetTls};
pub(crate) use crew::start as scrape;

use crate::{
    agent::Call,
    context::{ServeContext, StartError, Started},
    doors,
    front::Readiness,
    metrics::Registry,
    to_agent::{Plan, ToAgent},
};

/// Starts a prom scraper. Its doors are bound when this returns: `metrics` and `status`
/// where the settings ask for them.
///
/// # Errors
/// A certificate towards the agent that cannot be loaded, an agent's address that cannot
/// be read, or an address that cannot be bound. A target that cannot be scraped is none.
pub async fn start(
    config: PromScraperConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("targets");
    let registry = Registry::new();
    let plan = Plan {
        role: "prom scraper",
        key: "prom_scraper.agent",
        agent: &config.agent,
        agent_name: &config.agent_name,
        tls: &config.tls,
        suites: &config.cipher_suites,
        stall_timeout: config.stall_timeout,
        queue: &config.queue,
        call: Call::BatchSender,
    };
    let agent = ToAgent::start(&plan, context, &mut started)?;
    let (metrics, page) = (config.metrics.clone(), config.status);
    let scrapes = scrape(config, agent.sinks(), &registry, context);
    agent.finish(&[scrapes], &registry, context);
    let metrics = metrics.as_ref();
    doors::status(page, metrics, &readiness, &registry, context, &mut started).await?;
    part.ready();
    Ok(started)
}
