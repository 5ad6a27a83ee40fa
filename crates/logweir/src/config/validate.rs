//! What a schema cannot say: files exist, addresses differ, doors that strangers
//! reach ask for a credential, sizes make sense. Runs before any port is bound.

mod doors;
mod drains;
mod log_cache;
mod log_cache_doors;
mod logplex;
mod nozzles;
mod roles;
mod rules;
mod sources;

use super::{
    load::Loaded,
    problem::{ConfigError, Problem},
    settings::Settings,
};
use crate::role::Role;

pub(crate) use doors::key_of_door;

/// The smallest queue that holds one chunk of the exchange.
const CHUNK: usize = 64 << 10;
/// Larger messages than this would be read whole into memory for each stream.
const LARGEST_MESSAGE: usize = 1 << 30;
/// The kernel's own bound: it counts these bytes twice, in 31 bits.
const LARGEST_RECEIVE_BUFFER: usize = (1 << 30) - 1;
/// The TLS 1.2 suites that the peers know; TLS 1.3 suites are not configurable.
pub(crate) const SUITES: [&str; 2] = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
];

/// Checks what `role` reads of the settings. With `insecure` doors that are open to
/// the network need no credential.
pub(crate) fn check(role: Role, loaded: &Loaded, insecure: bool) -> Result<(), ConfigError> {
    let settings = &loaded.settings;
    let mut found = Found::default();
    found.process(settings);
    match role {
        Role::Run => found.run(settings),
        Role::Agent => found.agent(settings),
        Role::Router => found.router(settings),
        Role::Rlp => found.rlp(settings),
        Role::Gateway => found.gateway(settings),
        Role::TrafficController => found.traffic_controller(settings),
        Role::UdpForwarder => found.udp_forwarder(settings),
        Role::PromScraper => found.prom_scraper(settings),
        Role::StatsdInjector => found.statsd_injector(settings),
        Role::BindingCache => found.binding_cache(settings),
        Role::ForwarderAgent => found.forwarder_agent(settings),
        Role::SyslogAgent => found.syslog_agent(settings),
        Role::Nozzle => found.nozzle(settings),
        Role::LogCache => found.log_cache(settings),
        Role::LogCacheGateway => found.log_cache_gateway(settings),
        Role::LogCacheAuthProxy => found.log_cache_auth_proxy(settings),
        Role::LogCacheSyslogServer => found.log_cache_syslog_server(settings),
        Role::Logplex => found.logplex_role(settings),
    }
    let doors = doors::doors(role, settings);
    found.distinct(&doors);
    if !insecure {
        found.guarded(&doors, settings);
    }
    match found.problems.is_empty() {
        true => Ok(()),
        false => Err(ConfigError(
            found
                .problems
                .into_iter()
                .map(|(key, reason)| Problem {
                    origin: loaded.origin(&key),
                    key,
                    reason,
                })
                .collect(),
        )),
    }
}
#[derive(Default)]
struct Found {
    problems: Vec<(String, String)>,
}

impl Found {
    fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.problems.push((key.into(), reason.into()));
    }

    fn process(&mut self, settings: &Settings) {
        if let Err(error) = crate::logging::filter(&settings.log_level) {
            self.add("log_level", error);
        }
        if settings.worker_threads > 1024 {
            self.add("worker_threads", "more than 1024 threads help nobody");
        }
    }
}

#[cfg(test)]
mod tests;
