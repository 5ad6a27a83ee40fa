//! Started under a peer's name: the peer's environment, words and defaults
//! (spec loggregator-v2 §7, §9.4).

mod agent;
mod binding_cache;
mod cf_auth_proxy;
mod doppler;
mod envstruct;
mod forwarder_agent;
mod gateway;
mod go_duration;
mod log_cache;
mod log_cache_syslog;
mod logplex;
mod prom_scraper;
mod report;
mod rlp;
mod statsd_injector;
mod syslog_agent;
mod trafficcontroller;
mod udp_forwarder;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use logweir_serve::{context::StartError, drains::DrainConfig, settings::Live};

use envstruct::Row;

use crate::{
    console,
    failure::chain,
    logging::{self, Format},
    role::RoleConfig,
    serving::{self, Plan},
};

/// How long an orderly end may take; the peers have no setting for it.
const DEADLINE: Duration = Duration::from_secs(10);

/// A peer that this build plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The router.
    Doppler,
    /// The reverse log proxy.
    Rlp,
    /// The reverse log proxy's gateway.
    RlpGateway,
    /// The agent.
    Agent,
    /// The traffic controller.
    TrafficController,
    /// The UDP forwarder.
    UdpForwarder,
    /// The binding cache.
    BindingCache,
    /// The forwarder agent.
    ForwarderAgent,
    /// The syslog agent.
    SyslogAgent,
    /// The prom scraper.
    PromScraper,
    /// The statsd injector, which takes flags instead of an environment.
    StatsdInjector,
    /// A log cache node.
    LogCache,
    /// The log cache gateway.
    LogCacheGateway,
    /// The auth proxy of a log cache.
    CfAuthProxy,
    /// The syslog server of a log cache.
    LogCacheSyslogServer,
    /// Logplex.
    Logplex,
}

/// The peer that a program name stands for.
pub(crate) fn of_program(program: &OsStr) -> Option<Name> {
    let name = Path::new(program).file_name()?.to_str()?;
    match name {
        "doppler" => Some(Name::Doppler),
        "rlp" => Some(Name::Rlp),
        "rlp-gateway" => Some(Name::RlpGateway),
        "loggregator-agent" | "agent" => Some(Name::Agent),
        "trafficcontroller" => Some(Name::TrafficController),
        "udp-forwarder" => Some(Name::UdpForwarder),
        "syslog-binding-cache" => Some(Name::BindingCache),
        "forwarder-agent" => Some(Name::ForwarderAgent),
        "syslog-agent" => Some(Name::SyslogAgent),
        "prom-scraper" => Some(Name::PromScraper),
        "statsd-injector" => Some(Name::StatsdInjector),
        "log-cache" => Some(Name::LogCache),
        "log-cache-gateway" | "gateway" => Some(Name::LogCacheGateway),
        "cf-auth-proxy" | "log-cache-cf-auth-proxy" => Some(Name::CfAuthProxy),
        "syslog-server" | "log-cache-syslog-server" => Some(Name::LogCacheSyslogServer),
        "logplex" => Some(Name::Logplex),
        _ => None,
    }
}

/// What a peer's environment asks for.
#[derive(Debug)]
pub(crate) struct Peer {
    /// How log lines begin.
    format: Format,
    /// The table of settings, where the peer prints one.
    report: Option<String>,
    /// Lines that name what was configured rather than what was bound.
    starting: Vec<String>,
    /// Drains that the environment names.
    drains: Vec<DrainConfig>,
    /// Doors that the network reaches serve everybody: access control is turned off.
    open: bool,
    config: RoleConfig,
}

impl Peer {
    /// A peer that prints its settings, and stamps its log lines as `plain` says unless
    /// its environment asks for RFC 3339.
    fn new(plain: Format, rfc3339: bool, rows: &[Row], config: RoleConfig) -> Self {
        Self {
            format: if rfc3339 { Format::Rfc3339 } else { plain },
            report: Some(report::table(rows)),
            starting: Vec::new(),
            drains: Vec::new(),
            open: false,
            config,
        }
    }
}

/// The bound addresses of a started role.
pub(crate) struct Doors<'a>(&'a [(&'static str, SocketAddr)]);

impl Doors<'_> {
    fn find(&self, name: &str) -> Option<SocketAddr> {
        self.0
            .iter()
            .find(|(door, _)| *door == name)
            .map(|(_, address)| *address)
    }

    /// Every door, in the words of the peers that say where they listen. Those of Log Cache
    /// do not say it; nobody else knows the port where they ask for a free one.
    fn all(&self) -> Vec<String> {
        let doors = self.0.iter();
        doors
            .map(|(door, address)| format!("{door} bound to: {address}"))
            .collect()
    }

    /// As the peers print it. A role that has no such door has nothing to print.
    fn get(&self, name: &str) -> String {
        self.find(name)
            .map(|address| address.to_string())
            .unwrap_or_default()
    }
}

/// Plays the peer until a signal ends it. Every failure is exit code 1 and one line in
/// the peer's words.
pub(crate) fn play(name: Name, variables: &BTreeMap<String, String>) -> ExitCode {
    let (refused, loaded) = match name {
        Name::Doppler => (doppler::REFUSED, doppler::load(variables)),
        Name::Rlp => (rlp::REFUSED, rlp::load(variables)),
        Name::RlpGateway => (gateway::REFUSED, gateway::load(variables)),
        Name::Agent => (agent::REFUSED, agent::load(variables)),
        Name::TrafficController => (
            trafficcontroller::REFUSED,
            trafficcontroller::load(variables),
        ),
        Name::UdpForwarder => (udp_forwarder::REFUSED, udp_forwarder::load(variables)),
        Name::BindingCache => (binding_cache::REFUSED, binding_cache::load(variables)),
        Name::ForwarderAgent => (forwarder_agent::REFUSED, forwarder_agent::load(variables)),
        Name::SyslogAgent => (syslog_agent::REFUSED, syslog_agent::load(variables)),
        Name::PromScraper => (prom_scraper::REFUSED, prom_scraper::load(variables)),
        Name::LogCache => (log_cache::REFUSED, log_cache::load(variables)),
        Name::LogCacheGateway => (log_cache::REFUSED, log_cache::load_gateway(variables)),
        Name::CfAuthProxy => (cf_auth_proxy::REFUSED, cf_auth_proxy::load(variables)),
        Name::LogCacheSyslogServer => {
            (log_cache_syslog::REFUSED, log_cache_syslog::load(variables))
        }
        Name::Logplex => (logplex::REFUSED, logplex::load(variables)),
        Name::StatsdInjector => return play_with_flags(&[]),
    };
    play_loaded(name, refused, loaded)
}

/// The same of the peer that takes flags.
pub(crate) fn play_with_flags(arguments: &[OsString]) -> ExitCode {
    let loaded = statsd_injector::load(arguments);
    play_loaded(Name::StatsdInjector, statsd_injector::REFUSED, loaded)
}

fn play_loaded(name: Name, refused: &str, loaded: Result<Peer, String>) -> ExitCode {
    let peer = match loaded {
        Ok(peer) => peer,
        Err(error) => {
            // These two are told by the peers after the environment was read.
            let refused = match error.starts_with(TLS) || error == NO_SUITES {
                true => "",
                false => refused,
            };
            // The peers set their own prefix once the environment is read.
            console::err(&format!("{}{refused}{error}", Format::Seconds.prefix()));
            return ExitCode::FAILURE;
        }
    };
    let format = peer.format;
    if let Some(report) = &peer.report {
        console::err(report);
    }
    // "info" is a level, so this never fails.
    if let Ok(filter) = logging::filter("info") {
        logging::start(format, filter);
    }
    let live = match &peer.config {
        RoleConfig::Agent(agent) => Live {
            tags: agent.tags.clone(),
            ..Live::default()
        },
        _ => Live {
            drains: peer.drains.clone(),
            ..Live::default()
        },
    };
    let plan = Plan {
        config: peer.config,
        worker_threads: 0,
        deadline: DEADLINE,
        live,
        // Else the peers' doors ask for certificates or tokens.
        insecure: peer.open,
        access_log: name == Name::RlpGateway,
        reloader: None,
    };
    let starting = peer.starting;
    let ended = serving::serve(plan, |running| {
        let doors = Doors(running.doors());
        let lines = match name {
            Name::Doppler => doppler::started(&doors),
            Name::Rlp => rlp::started(&doors),
            Name::RlpGateway => gateway::started(&doors),
            Name::Agent => agent::started(&doors, &starting),
            Name::TrafficController => trafficcontroller::started(&doors),
            Name::UdpForwarder => udp_forwarder::started(&doors),
            Name::BindingCache => binding_cache::started(&doors),
            Name::ForwarderAgent => forwarder_agent::started(&doors),
            Name::SyslogAgent => syslog_agent::started(&doors),
            Name::PromScraper => prom_scraper::started(&doors),
            Name::StatsdInjector => statsd_injector::started(&doors),
            Name::LogCache
            | Name::LogCacheGateway
            | Name::CfAuthProxy
            | Name::LogCacheSyslogServer => doors.all(),
            Name::Logplex => starting.into_iter().chain(doors.all()).collect(),
        };
        for line in lines {
            console::err(&format!("{}{line}", format.prefix()));
        }
        Ok(())
    });
    ended.unwrap_or_else(|error| {
        let text = match error.downcast_ref() {
            Some(StartError::Tls { source, .. }) => format!("{TLS}{}", chain(source)),
            _ => chain(error.as_ref()),
        };
        console::err(&format!("{}{text}", format.prefix()));
        ExitCode::FAILURE
    })
}

const TLS: &str = "Could not use TLS config: ";
const NO_SUITES: &str = "no valid ciphers provided for TLS configuration";

/// Files that the peers do not mark required and cannot start without.
fn named_files(files: &[(&str, &PathBuf)]) -> Result<(), String> {
    match files.iter().find(|(_, path)| path.as_os_str().is_empty()) {
        Some((variable, _)) => Err(format!("{TLS}{variable} is not set")),
        None => Ok(()),
    }
}

/// The suites that both sides know. Others are skipped unless nothing is left.
fn suites(names: &[String]) -> Result<Vec<String>, String> {
    let known: Vec<String> = names
        .iter()
        .filter(|name| crate::config::validate::SUITES.contains(&name.as_str()))
        .cloned()
        .collect();
    match known.is_empty() && !names.is_empty() {
        true => Err(NO_SUITES.into()),
        false => Ok(known),
    }
}

/// A port that came in a wider number.
fn port<N: TryInto<u16> + Copy + std::fmt::Display>(number: N) -> Result<u16, String> {
    number
        .try_into()
        .map_err(|_| format!("listen tcp: address {number}: invalid port"))
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// `[::]`, which takes IPv4 too; `0.0.0.0` where the kernel knows no IPv6.
fn every_interface(port: u16) -> SocketAddr {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
        Err(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
    }
}

#[cfg(test)]
mod tests;
