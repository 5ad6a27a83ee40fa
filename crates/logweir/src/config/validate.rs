//! What a schema cannot say: files exist, addresses differ, doors that strangers
//! reach ask for a credential, sizes make sense. Runs before any port is bound.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path, time::Duration};

use logweir_serve::{
    auth::AuthConfig,
    dropsonde::DropsondeConfig,
    settings::{GrpcLimits, QueueConfig, SelfMetricsConfig, TlsFiles},
};

use super::{
    load::Loaded,
    problem::{ConfigError, Problem},
    settings::Settings,
};
use crate::role::Role;

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
        Role::UdpForwarder => found.udp_forwarder(settings),
    }
    let doors = doors(role, settings);
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

struct Door {
    key: &'static str,
    address: SocketAddr,
    udp: bool,
    guard: Guard,
}

/// Every address that `role` listens on.
fn doors(role: Role, settings: &Settings) -> Vec<Door> {
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
        udp_forwarder,
        dropsonde,
        ..
    } = settings;
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
    }
    doors
}

/// The key of a door that a role names in its errors.
pub(crate) fn key_of_door(role: Role, door: &str) -> String {
    match (role, door) {
        (_, "legacy") => "dropsonde.legacy.listen".into(),
        (Role::Run, door) => format!("run.{door}"),
        (Role::UdpForwarder, "udp") => "udp_forwarder.listen".into(),
        (role, "udp" | "status") => format!("{}.{door}", role.section()),
        (role, "metrics") => format!("{}.metrics.listen", role.section()),
        (role, _) => format!("{}.listen", role.section()),
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

    fn run(&mut self, settings: &Settings) {
        if let Some(https) = &settings.run.https {
            self.file("run.https.cert", &https.cert);
            self.file("run.https.key", &https.key);
        }
        self.tls("agent.tls", &settings.agent.tls);
        self.tls("router.tls", &settings.router.tls);
        self.limits("agent.limits", &settings.agent.limits);
        self.limits("router.limits", &settings.router.limits);
        let router = &settings.router;
        self.queues("router", &router.queue, router.queues_total_bytes);
        self.at_least_one("agent.counters", settings.agent.counters);
        self.dropsonde(&settings.dropsonde);
        self.at_least_one("rlp.max_streams", settings.rlp.max_streams);
        self.readers(settings);
        self.streams(settings);
        self.auth(&settings.auth);
    }

    fn agent(&mut self, settings: &Settings) {
        let agent = &settings.agent;
        self.tls("agent.tls", &agent.tls);
        self.suites("agent.cipher_suites", &agent.cipher_suites);
        self.limits("agent.limits", &agent.limits);
        self.routers("agent.routers", &agent.routers);
        if !agent.preferred_routers.is_empty() {
            self.routers("agent.preferred_routers", &agent.preferred_routers);
        }
        self.queue("agent.queue", &agent.queue);
        self.at_least_one("agent.connections", agent.connections);
        self.at_least_one("agent.counters", agent.counters);
        self.not_zero("agent.resolve_interval", agent.resolve_interval);
        self.not_zero("agent.stall_timeout", agent.stall_timeout);
        self.dropsonde(&settings.dropsonde);
        if let Some(door) = &agent.metrics {
            self.tls("agent.metrics.tls", &door.tls);
        }
    }

    fn router(&mut self, settings: &Settings) {
        let router = &settings.router;
        self.tls("router.tls", &router.tls);
        self.suites("router.cipher_suites", &router.cipher_suites);
        self.limits("router.limits", &router.limits);
        self.queues("router", &router.queue, router.queues_total_bytes);
        self.self_metrics("router.self_metrics", &router.self_metrics);
    }

    fn rlp(&mut self, settings: &Settings) {
        let rlp = &settings.rlp;
        self.tls("rlp.tls", &rlp.tls);
        self.suites("rlp.cipher_suites", &rlp.cipher_suites);
        self.limits("rlp.limits", &rlp.limits);
        self.routers("rlp.routers", &rlp.routers);
        self.queues("rlp", &rlp.queue, rlp.queues_total_bytes);
        self.at_least_one("rlp.max_streams", rlp.max_streams);
        self.at_least_one("rlp.connections_per_router", rlp.connections_per_router);
        self.not_zero("rlp.resolve_interval", rlp.resolve_interval);
        self.readers(settings);
        self.self_metrics("rlp.self_metrics", &rlp.self_metrics);
    }

    fn gateway(&mut self, settings: &Settings) {
        let gateway = &settings.gateway;
        if let Some(https) = &gateway.https {
            self.file("gateway.https.cert", &https.cert);
            self.file("gateway.https.key", &https.key);
        }
        self.target("gateway.rlp", &gateway.rlp);
        self.tls("gateway.rlp_tls", &gateway.rlp_tls);
        if let Some(door) = &gateway.metrics {
            self.tls("gateway.metrics.tls", &door.tls);
        }
        self.streams(settings);
        self.auth(&settings.auth);
    }

    fn udp_forwarder(&mut self, settings: &Settings) {
        let own = &settings.udp_forwarder;
        self.tls("udp_forwarder.tls", &own.tls);
        self.suites("udp_forwarder.cipher_suites", &own.cipher_suites);
        self.target("udp_forwarder.agent", &own.agent);
        self.queue("udp_forwarder.queue", &own.queue);
        self.not_zero("udp_forwarder.stall_timeout", own.stall_timeout);
        if let Some(door) = &own.metrics {
            self.tls("udp_forwarder.metrics.tls", &door.tls);
        }
        self.dropsonde(&settings.dropsonde);
    }

    fn dropsonde(&mut self, dropsonde: &DropsondeConfig) {
        self.at_least_one("dropsonde.counters", dropsonde.counters);
        let bytes = dropsonde.receive_buffer;
        self.between("dropsonde.receive_buffer", bytes, 1, LARGEST_RECEIVE_BUFFER);
    }

    fn streams(&mut self, settings: &Settings) {
        let stream = &settings.gateway.stream;
        self.not_zero("gateway.stream.heartbeat", stream.heartbeat);
        self.not_zero("gateway.stream.timeout", stream.timeout);
        self.at_least_one("gateway.stream.max_streams", stream.max_streams);
    }

    fn readers(&mut self, settings: &Settings) {
        let bytes = settings.rlp.reader_message_bytes;
        self.between("rlp.reader_message_bytes", bytes, CHUNK, LARGEST_MESSAGE);
    }

    /// The bounds of each queue of a role, and of all together.
    fn queues(&mut self, role: &str, queue: &QueueConfig, total_bytes: usize) {
        self.queue(&format!("{role}.queue"), queue);
        if total_bytes < queue.bytes {
            self.add(
                format!("{role}.queues_total_bytes"),
                format!("must not be less than {role}.queue.bytes, the bound of one queue"),
            );
        }
    }

    fn auth(&mut self, auth: &AuthConfig) {
        if let Some(uaa) = &auth.uaa {
            self.url("auth.uaa.url", &uaa.url);
            self.optional_file("auth.uaa.ca", &uaa.ca);
        }
        if let Some(capi) = &auth.capi {
            self.url("auth.capi.url", &capi.url);
            self.url("auth.capi.external_url", &capi.external_url);
            self.optional_file("auth.capi.tls.cert", &capi.tls.cert);
            self.optional_file("auth.capi.tls.key", &capi.tls.key);
            self.optional_file("auth.capi.tls.ca", &capi.tls.ca);
        }
        let mut names = BTreeSet::new();
        for (index, token) in auth.tokens.iter().enumerate() {
            let key = format!("auth.tokens[{index}]");
            if !names.insert(&token.name) {
                self.add(format!("{key}.name"), format!("`{}` is taken", token.name));
            }
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if token.sha256.len() != 64 || !token.sha256.chars().all(hex) {
                self.add(
                    format!("{key}.sha256"),
                    "must be 64 lower-case hex digits: printf %s TOKEN | sha256sum",
                );
            }
            if token.read.is_empty() {
                self.add(
                    format!("{key}.read"),
                    "names no source id; use [\"*\"] for every one",
                );
            }
        }
    }

    fn tls(&mut self, key: &str, files: &TlsFiles) {
        let parts = [
            ("cert", &files.cert),
            ("key", &files.key),
            ("ca", &files.ca),
        ];
        // All empty: the files of the data directory, which are looked at once they
        // are there.
        if parts.iter().all(|(_, path)| path.as_os_str().is_empty()) {
            return;
        }
        for (part, path) in parts {
            self.file(&format!("{key}.{part}"), path);
        }
    }

    fn file(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            self.add(key, "a PEM file is needed here");
            return;
        }
        match fs::read_to_string(path) {
            Ok(text) if text.contains("-----BEGIN ") => {}
            Ok(_) => self.add(key, format!("{} is no PEM file", path.display())),
            Err(error) => self.add(key, format!("{} cannot be read: {error}", path.display())),
        }
    }

    fn optional_file(&mut self, key: &str, path: &Path) {
        if !path.as_os_str().is_empty() {
            self.file(key, path);
        }
    }

    fn suites(&mut self, key: &str, suites: &[String]) {
        // The peers skip what they do not know and fail only when nothing is left.
        if !suites.is_empty() && !suites.iter().any(|name| SUITES.contains(&name.as_str())) {
            self.add(
                key,
                format!("knows none of these suites; use {}", SUITES.join(" or ")),
            );
        }
    }

    fn limits(&mut self, key: &str, limits: &GrpcLimits) {
        self.at_least_one(&format!("{key}.connections"), limits.connections);
        if limits.streams_per_connection == 0 {
            self.add(
                format!("{key}.streams_per_connection"),
                "must be at least 1",
            );
        }
        let message = format!("{key}.message_bytes");
        self.between(&message, limits.message_bytes, CHUNK, LARGEST_MESSAGE);
    }

    fn queue(&mut self, key: &str, queue: &QueueConfig) {
        self.between(&format!("{key}.bytes"), queue.bytes, CHUNK, 1 << 40);
        self.at_least_one(&format!("{key}.envelopes"), queue.envelopes);
    }

    fn self_metrics(&mut self, key: &str, metrics: &SelfMetricsConfig) {
        if !metrics.agent.is_empty() {
            self.target(&format!("{key}.agent"), &metrics.agent);
        }
    }

    fn routers(&mut self, key: &str, routers: &[String]) {
        if routers.is_empty() {
            self.add(
                key,
                "names no router; write [\"HOST:PORT\"] or [\"srv:NAME\"]",
            );
        }
        for (index, router) in routers.iter().enumerate() {
            match router.strip_prefix("srv:") {
                Some("") => self.add(format!("{key}[{index}]"), "`srv:` needs a name"),
                Some(_) => {}
                None => self.target(&format!("{key}[{index}]"), router),
            }
        }
    }

    fn target(&mut self, key: &str, text: &str) {
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0)) {
            self.add(key, format!("`{text}` is no HOST:PORT"));
        }
    }

    fn url(&mut self, key: &str, text: &str) {
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
            _ => self.add(key, "must be an http:// or https:// URL"),
        }
    }

    fn at_least_one(&mut self, key: &str, value: usize) {
        if value == 0 {
            self.add(key, "must be at least 1");
        }
    }

    fn between(&mut self, key: &str, value: usize, least: usize, most: usize) {
        if !(least..=most).contains(&value) {
            self.add(key, format!("must be between {least} and {most} bytes"));
        }
    }

    fn not_zero(&mut self, key: &str, value: Duration) {
        if value.is_zero() {
            self.add(key, "must be longer than nothing");
        }
    }

    /// Two doors on one address cannot both be bound; a door on every interface
    /// takes the port of all.
    fn distinct(&mut self, doors: &[Door]) {
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

    fn guarded(&mut self, doors: &[Door], settings: &Settings) {
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

#[cfg(test)]
mod tests;
