//! The doors of each role: no two on one address, none open to strangers.

use std::net::SocketAddr;

use super::Found;
use crate::{config::settings::Settings, role::Role};

/// How a door knows who comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// By a client certificate, or there is nothing to read or write.
    Certificate,
    /// By `[auth]`.
    Auth,
    /// By a secret that both sides know.
    Secret,
    /// Not at all.
    Nothing,
}

pub(super) struct Door {
    key: &'static str,
    address: SocketAddr,
    udp: bool,
    guard: Guard,
}

/// Every address that `role` listens on.
pub(super) fn doors(role: Role, settings: &Settings) -> Vec<Door> {
    let mut doors = Vec::new();
    let mut add = |key, address: Option<SocketAddr>, udp, guard| {
        doors.extend(address.map(|address| Door {
            key,
            address,
            udp,
            guard,
        }));
    };
    let Settings {
        run,
        agent,
        router,
        rlp,
        gateway,
        traffic_controller,
        udp_forwarder,
        prom_scraper,
        statsd_injector,
        syslog,
        otlp,
        binding_cache,
        forwarder_agent,
        syslog_agent,
        nozzle,
        log_cache,
        log_cache_gateway,
        log_cache_auth_proxy,
        log_cache_syslog_server,
        logplex,
        dropsonde,
        ..
    } = settings;
    let otlp_guard = match otlp.tls.as_ref() {
        Some(tls) if !tls.ca.as_os_str().is_empty() => Guard::Certificate,
        _ => Guard::Nothing,
    };
    let legacy = dropsonde.legacy.as_ref();
    if matches!(role, Role::Run | Role::Agent | Role::UdpForwarder) {
        let guard = match legacy.is_some_and(|legacy| !legacy.secret.is_empty()) {
            true => Guard::Secret,
            false => Guard::Nothing,
        };
        let address = legacy.map(|legacy| legacy.listen);
        add("dropsonde.legacy.listen", address, true, guard);
    }
    match role {
        Role::Run => {
            add("run.http", Some(run.http), false, Guard::Auth);
            add("run.grpc", Some(run.grpc), false, Guard::Certificate);
            add("run.ingress", Some(run.ingress), false, Guard::Certificate);
            add("run.dropsonde", Some(run.dropsonde), true, Guard::Nothing);
            let guard = match syslog.tls.as_ref() {
                Some(tls) if !tls.ca.as_os_str().is_empty() => Guard::Certificate,
                _ => Guard::Nothing,
            };
            add("run.syslog", Some(run.syslog), false, guard);
            add("run.syslog_udp", Some(run.syslog_udp), true, Guard::Nothing);
            add("run.statsd", Some(run.statsd), true, Guard::Nothing);
            add("run.otlp_grpc", Some(run.otlp_grpc), false, otlp_guard);
            add("run.otlp_http", Some(run.otlp_http), false, otlp_guard);
            let cluster = logplex.redis.is_on().then_some(logplex.cluster.listen);
            let key = "logplex.cluster.listen";
            add(key, cluster, false, Guard::Certificate);
        }
        Role::Agent => {
            let metrics = agent.metrics.as_ref().map(|door| door.listen);
            add(
                "agent.listen",
                Some(agent.listen),
                false,
                Guard::Certificate,
            );
            add("agent.udp", agent.udp, true, Guard::Nothing);
            add("agent.otlp_grpc", agent.otlp_grpc, false, otlp_guard);
            add("agent.otlp_http", agent.otlp_http, false, otlp_guard);
            add("agent.metrics.listen", metrics, false, Guard::Certificate);
            add("agent.status", agent.status, false, Guard::Certificate);
        }
        Role::Router => {
            add(
                "router.listen",
                Some(router.listen),
                false,
                Guard::Certificate,
            );
            add("router.status", router.status, false, Guard::Certificate);
        }
        Role::Rlp => {
            add("rlp.listen", Some(rlp.listen), false, Guard::Certificate);
            add("rlp.status", rlp.status, false, Guard::Certificate);
        }
        Role::Gateway => {
            let metrics = gateway.metrics.as_ref().map(|door| door.listen);
            add("gateway.listen", Some(gateway.listen), false, Guard::Auth);
            add("gateway.metrics.listen", metrics, false, Guard::Certificate);
            add("gateway.status", gateway.status, false, Guard::Certificate);
        }
        Role::TrafficController => {
            let own = traffic_controller;
            let key = "traffic_controller.listen";
            add(key, Some(own.listen), false, Guard::Auth);
            let key = "traffic_controller.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::PromScraper => {
            let metrics = prom_scraper.metrics.as_ref().map(|door| door.listen);
            let key = "prom_scraper.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let status = prom_scraper.status;
            add("prom_scraper.status", status, false, Guard::Certificate);
        }
        Role::StatsdInjector => {
            let own = statsd_injector;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("statsd_injector.listen", listen, true, Guard::Nothing);
            let key = "statsd_injector.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "statsd_injector.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::UdpForwarder => {
            let own = udp_forwarder;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            add(
                "udp_forwarder.listen",
                Some(own.listen),
                true,
                Guard::Nothing,
            );
            let key = "udp_forwarder.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            add(
                "udp_forwarder.status",
                own.status,
                false,
                Guard::Certificate,
            );
        }
        Role::Nozzle => {
            let metrics = nozzle.metrics.as_ref().map(|door| door.listen);
            add("nozzle.metrics.listen", metrics, false, Guard::Certificate);
            add("nozzle.status", nozzle.status, false, Guard::Nothing);
        }
        Role::SyslogAgent => {
            let own = syslog_agent;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("syslog_agent.listen", listen, false, Guard::Certificate);
            let key = "syslog_agent.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "syslog_agent.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::LogCache => {
            let own = log_cache;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("log_cache.listen", listen, false, Guard::Certificate);
            let key = "log_cache.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            add("log_cache.status", own.status, false, Guard::Certificate);
        }
        Role::LogCacheGateway => {
            let own = log_cache_gateway;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("log_cache_gateway.listen", listen, false, Guard::Auth);
            let key = "log_cache_gateway.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "log_cache_gateway.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::LogCacheAuthProxy => {
            let own = log_cache_auth_proxy;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            // It is a guard itself, by tokens.
            let key = "log_cache_auth_proxy.listen";
            add(key, Some(own.listen), false, Guard::Certificate);
            let key = "log_cache_auth_proxy.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "log_cache_auth_proxy.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::LogCacheSyslogServer => {
            let own = log_cache_syslog_server;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let guard = match own.tls.as_ref() {
                Some(tls) if !tls.ca.as_os_str().is_empty() => Guard::Certificate,
                _ => Guard::Nothing,
            };
            let key = "log_cache_syslog_server.listen";
            add(key, Some(own.listen), false, guard);
            let key = "log_cache_syslog_server.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "log_cache_syslog_server.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::Logplex => {
            // Its requests carry credentials, its lines tokens.
            let guard = Guard::Certificate;
            add("logplex.listen", Some(logplex.listen), false, guard);
            add("logplex.v3", Some(logplex.v3), false, guard);
            add("logplex.input", Some(logplex.input), false, guard);
            add("logplex.syslog", Some(logplex.syslog), false, guard);
            let cluster = logplex.redis.is_on().then_some(logplex.cluster.listen);
            add("logplex.cluster.listen", cluster, false, guard);
            let metrics = logplex.metrics.as_ref().map(|door| door.listen);
            add("logplex.metrics.listen", metrics, false, guard);
            add("logplex.status", logplex.status, false, guard);
        }
        Role::ForwarderAgent => {
            let own = forwarder_agent;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("forwarder_agent.listen", listen, false, Guard::Certificate);
            let key = "forwarder_agent.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "forwarder_agent.status";
            add(key, own.status, false, Guard::Certificate);
        }
        Role::BindingCache => {
            let own = binding_cache;
            let metrics = own.metrics.as_ref().map(|door| door.listen);
            let listen = Some(own.listen);
            add("binding_cache.listen", listen, false, Guard::Certificate);
            let key = "binding_cache.metrics.listen";
            add(key, metrics, false, Guard::Certificate);
            let key = "binding_cache.status";
            add(key, own.status, false, Guard::Certificate);
        }
    }
    doors
}

/// The key of a door that a role names in its errors.
pub(crate) fn key_of_door(role: Role, door: &str) -> String {
    match (role, door) {
        (_, "legacy") => "dropsonde.legacy.listen".into(),
        (_, "logplex_nodes") => "logplex.cluster.listen".into(),
        (Role::Logplex, door @ ("v3" | "input" | "syslog")) => format!("logplex.{door}"),
        (Role::Run, door) => format!("run.{door}"),
        (Role::UdpForwarder, "udp") => "udp_forwarder.listen".into(),
        (role, "udp" | "status" | "otlp_grpc" | "otlp_http") => {
            format!("{}.{door}", role.section())
        }
        (role, "metrics") => format!("{}.metrics.listen", role.section()),
        (role, _) => format!("{}.listen", role.section()),
    }
}

impl Found {
    /// Two doors on one address cannot both be bound; a door on every interface
    /// takes the port of all.
    pub(super) fn distinct(&mut self, doors: &[Door]) {
        for (index, door) in doors.iter().enumerate() {
            let taken = doors[..index].iter().find(|other| {
                let (a, b) = (door.address, other.address);
                let meet = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
                door.udp == other.udp && a.port() != 0 && a.port() == b.port() && meet
            });
            if let Some(other) = taken {
                self.add(
                    door.key,
                    format!("{} is taken by {}", door.address, other.key),
                );
            }
        }
    }

    pub(super) fn guarded(&mut self, doors: &[Door], settings: &Settings) {
        let auth = &settings.auth;
        let asked = auth.uaa.is_some() || auth.capi.is_some() || !auth.tokens.is_empty();
        for door in doors.iter().filter(|door| !door.address.ip().is_loopback()) {
            match door.guard {
                Guard::Auth if !asked => self.add(
                    door.key,
                    format!(
                        "{} is reachable from the network and [auth] names nobody who may read; \
                         set auth.tokens, auth.uaa or auth.capi, bind it to 127.0.0.1, \
                         or start with --insecure",
                        door.address
                    ),
                ),
                Guard::Nothing => self.add(
                    door.key,
                    format!(
                        "{} is reachable from the network and takes envelopes from anybody; \
                         bind it to 127.0.0.1 or start with --insecure",
                        door.address
                    ),
                ),
                _ => {}
            }
        }
    }
}
