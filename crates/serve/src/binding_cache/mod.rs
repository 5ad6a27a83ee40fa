//! The binding cache: from the Cloud Controller's list of drains to the syslog agents.

mod aggregate;
mod capi;
mod check;
mod config;
mod hosts;
mod notices;
mod pages;
mod store;

use std::{collections::HashSet, sync::Arc, time::Duration};

use logweir_drain::{binding::Binding, block_list::BlockList};
use logweir_net::{listen::HttpSettings, resolve::Resolver, tls::Alpn};
use tokio::time::sleep;

pub use config::BindingCacheConfig;

use crate::{
    agent::Call,
    context::{ServeContext, StartError, Started},
    doors,
    front::{Part, Readiness},
    grpc::{Sink, unix_nanos},
    metrics::{Counter, Gauge, Registry},
    to_agent::{self, ToAgent},
};

use aggregate::AggregateFile;
use capi::CloudController;
use hosts::Hosts;
use notices::Notices;
use pages::Pages;
use store::Store;

/// The agent's connection has stalled after this long.
const STALL: Duration = Duration::from_secs(5);

/// Least pause between two polls, whatever the settings say.
const LEAST: Duration = Duration::from_millis(10);

/// Starts a binding cache. Its doors are bound when this returns: `cache`, and `metrics`
/// and `status` where the settings ask for them. It is ready once the bindings were read.
///
/// # Errors
/// A certificate or the aggregate drains that cannot be loaded, an address that cannot be
/// read or bound, or a range of addresses that is none.
pub async fn start(
    config: BindingCacheConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let registry = Registry::new();
    let store = Store::default();
    let blocked = BlockList::parse(config.blocked_ranges.iter().map(String::as_str))
        .map_err(|error| StartError::Setting(format!("binding_cache.blocked_ranges: {error}")))?;
    let suites = &config.cipher_suites;
    let tls = doors::server_tls("the binding cache", &config.tls, suites, Alpn::HttpAll)?;
    context.watch_tls(vec![tls.clone()], Vec::new());
    follow_aggregate(&config, &store, context)?;
    let notices = Notices::new(tell_agent(&config, &registry, context, &mut started)?);
    let part = readiness.part("bindings");
    if config.api.is_empty() {
        store.set_bindings(&[]);
        part.ready();
    } else {
        let (capi, certificates) = CloudController::new(&config)?;
        context.watch_tls(Vec::new(), certificates.into_iter().collect());
        let poller = Poller {
            capi,
            store: store.clone(),
            hosts: Hosts::default(),
            resolver: Resolver::new(),
            blocked,
            notices: config.warn_on_invalid_drains.then_some(notices),
            figures: Figures::register(&registry),
            part,
        };
        let stop = context.shutdown.stop.clone();
        let polling = poller.run(config.poll_interval);
        context
            .shutdown
            .tracker
            .spawn(async move { stop.run_until_cancelled(polling).await });
    }
    doors::http(
        "cache",
        config.listen,
        Some(tls),
        HttpSettings::http(),
        Pages(store),
        context,
        &mut started,
    )
    .await?;
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
    Ok(started)
}

fn follow_aggregate(
    config: &BindingCacheConfig,
    store: &Store,
    context: &ServeContext,
) -> Result<(), StartError> {
    let path = config.aggregate_drains.clone();
    if path.as_os_str().is_empty() {
        store.set_aggregate(&[]);
        return Ok(());
    }
    let file = AggregateFile::open(path, store)
        .map_err(|error| StartError::Setting(format!("binding_cache.aggregate_drains: {error}")))?;
    let stop = context.shutdown.stop.clone();
    let following = file.follow(store.clone(), Arc::clone(&context.reload), stop);
    context.shutdown.tracker.spawn(following);
    Ok(())
}

/// The way to the agent of the machine, if there is anybody to tell anything.
fn tell_agent(
    config: &BindingCacheConfig,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<Option<Box<dyn Sink>>, StartError> {
    if config.agent.is_empty() || config.api.is_empty() || !config.warn_on_invalid_drains {
        return Ok(None);
    }
    let plan = to_agent::Plan {
        role: "binding cache",
        key: "binding_cache.agent",
        agent: &config.agent,
        agent_name: &config.agent_name,
        tls: &config.agent_tls,
        suites: &[],
        stall_timeout: STALL,
        queue: &config.queue,
        call: Call::BatchSender,
    };
    let agent = ToAgent::start(&plan, context, started)?;
    let sink = agent.sinks()();
    agent.finish(&[], registry, context);
    Ok(Some(sink))
}

/// The peers' figures (spec agents-and-drains §1.5).
struct Figures {
    cached: Gauge,
    last: Gauge,
    failures: Counter,
    invalid: Gauge,
    blocked: Gauge,
}

impl Figures {
    fn register(registry: &Registry) -> Self {
        let total = [("unit", "total")];
        Self {
            cached: registry.gauge(
                "cached_bindings",
                "Apps with drains that the cache holds.",
                "apps",
                &[],
            ),
            last: registry.gauge(
                "last_binding_refresh_count",
                "Apps with drains that the last refresh brought.",
                "apps",
                &[],
            ),
            failures: registry.counter(
                "binding_refresh_error",
                "Refreshes that failed, and left the last good bindings.",
                &[],
            ),
            invalid: registry.gauge(
                "invalid_drains",
                "Drain URLs of the last refresh that cannot be used.",
                "drains",
                &total,
            ),
            blocked: registry.gauge(
                "blacklisted_drains",
                "Drain URLs of the last refresh that lead to blocked addresses.",
                "drains",
                &total,
            ),
        }
    }
}

/// Refreshes the bindings, again and again.
struct Poller {
    capi: CloudController,
    store: Store,
    hosts: Hosts,
    resolver: Resolver,
    blocked: BlockList,
    notices: Option<Notices>,
    figures: Figures,
    part: Part,
}

impl Poller {
    async fn run(mut self, interval: Duration) {
        loop {
            match self.capi.bindings().await {
                Ok(bindings) => self.take(bindings).await,
                Err(error) => {
                    self.figures.failures.add(1);
                    tracing::error!("{error}");
                }
            }
            sleep(interval.max(LEAST)).await;
        }
    }

    async fn take(&mut self, bindings: Vec<Binding>) {
        let count = bindings.len();
        let checked = check::check(bindings, &mut self.hosts, &self.resolver, &self.blocked).await;
        tracing::debug!(
            "checked {count} drain URLs: {} cannot be used",
            checked.invalid
        );
        if checked.nobodys > 0 {
            tracing::warn!(
                "No credentials - which include appIDs - for a binding. Check the bindings in \
                 the cloud controller."
            );
        }
        self.store.set_bindings(&checked.good);
        let apps = apps(&checked.good);
        self.figures.cached.set(apps);
        self.figures.last.set(apps);
        self.figures.invalid.set(checked.invalid as f64);
        self.figures.blocked.set(checked.blocked as f64);
        if let Some(notices) = &mut self.notices {
            notices.tell(&checked.notices, unix_nanos());
        }
        self.part.ready();
    }
}

/// How many apps there are: what the peers call the number of bindings.
fn apps(bindings: &[Binding]) -> f64 {
    let credentials = bindings.iter().flat_map(|binding| &binding.credentials);
    let apps = credentials.flat_map(|credentials| &credentials.apps);
    let apps: HashSet<_> = apps.map(|app| &app.app_id).collect();
    apps.len() as f64
}
