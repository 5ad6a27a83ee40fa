//! What each role reads of the settings.

use std::{collections::BTreeSet, fs};

use logweir_drain::{binding::aggregate_yaml, block_list::BlockList};
use logweir_serve::{dropsonde::DropsondeConfig, traffic_controller::TrafficControllerConfig};

use super::{CHUNK, Found, LARGEST_MESSAGE, LARGEST_RECEIVE_BUFFER};
use crate::config::settings::Settings;

impl Found {
    pub(super) fn run(&mut self, settings: &Settings) {
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
        self.statsd(&settings.statsd);
        self.syslog(&settings.syslog);
        self.otlp(&settings.otlp);
        self.scrapes(&settings.prom_scraper);
        self.at_least_one("rlp.max_streams", settings.rlp.max_streams);
        self.readers(settings);
        self.streams(settings);
        self.sessions(&settings.traffic_controller);
        self.drains(settings);
        self.nozzles(settings);
        self.store(settings);
        self.logplex(settings);
        self.auth(&settings.auth);
    }

    pub(super) fn agent(&mut self, settings: &Settings) {
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
        self.otlp(&settings.otlp);
        if let Some(door) = &agent.metrics {
            self.tls("agent.metrics.tls", &door.tls);
        }
    }

    pub(super) fn router(&mut self, settings: &Settings) {
        let router = &settings.router;
        self.tls("router.tls", &router.tls);
        self.suites("router.cipher_suites", &router.cipher_suites);
        self.limits("router.limits", &router.limits);
        self.queues("router", &router.queue, router.queues_total_bytes);
        self.self_metrics("router.self_metrics", &router.self_metrics);
    }

    pub(super) fn rlp(&mut self, settings: &Settings) {
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

    pub(super) fn gateway(&mut self, settings: &Settings) {
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

    pub(super) fn traffic_controller(&mut self, settings: &Settings) {
        let own = &settings.traffic_controller;
        let section = "traffic_controller";
        if let Some(https) = &own.https {
            self.file("traffic_controller.https.cert", &https.cert);
            self.file("traffic_controller.https.key", &https.key);
        }
        self.tls("traffic_controller.router_tls", &own.router_tls);
        self.suites("traffic_controller.cipher_suites", &own.cipher_suites);
        if !own.routers.is_empty() || own.zones.is_empty() {
            self.routers("traffic_controller.routers", &own.routers);
        }
        let mut names = BTreeSet::new();
        for (index, zone) in own.zones.iter().enumerate() {
            let key = format!("{section}.zones[{index}]");
            if zone.name.is_empty() || !names.insert(&zone.name) {
                let name = &zone.name;
                self.add(
                    format!("{key}.name"),
                    format!("`{name}` is taken or no name; name each zone once"),
                );
            }
            self.routers(&format!("{key}.routers"), &zone.routers);
        }
        let connections = own.connections_per_router;
        self.at_least_one("traffic_controller.connections_per_router", connections);
        self.not_zero("traffic_controller.resolve_interval", own.resolve_interval);
        self.queues(section, &own.queue, own.queues_total_bytes);
        self.self_metrics("traffic_controller.self_metrics", &own.self_metrics);
        self.sessions(own);
        self.auth(&settings.auth);
    }

    /// What `logweir run` reads of the traffic controller.
    fn sessions(&mut self, own: &TrafficControllerConfig) {
        let sessions = &own.sessions;
        self.at_least_one("traffic_controller.sessions.max", sessions.max);
        for (key, time) in [
            ("ping_interval", sessions.ping_interval),
            ("pong_deadline", sessions.pong_deadline),
            ("write_deadline", sessions.write_deadline),
        ] {
            self.not_zero(&format!("traffic_controller.sessions.{key}"), time);
        }
        let domain = &own.cookie.domain;
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if !domain.chars().all(letter) {
            self.add(
                "traffic_controller.cookie.domain",
                format!("`{domain}` is no domain"),
            );
        }
    }

    pub(super) fn udp_forwarder(&mut self, settings: &Settings) {
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

    pub(super) fn binding_cache(&mut self, settings: &Settings) {
        let own = &settings.binding_cache;
        self.tls("binding_cache.tls", &own.tls);
        self.suites("binding_cache.cipher_suites", &own.cipher_suites);
        if !own.api.is_empty() {
            self.url("binding_cache.api", &own.api);
        }
        self.tls("binding_cache.api_tls", &own.api_tls);
        self.not_zero("binding_cache.poll_interval", own.poll_interval);
        if own.batch_size == 0 {
            self.add("binding_cache.batch_size", "must be at least 1");
        }
        let file = &own.aggregate_drains;
        if own.api.is_empty() && file.as_os_str().is_empty() {
            self.add(
                "binding_cache.api",
                "there is nothing to serve; name the Cloud Controller, or a file of \
                 binding_cache.aggregate_drains",
            );
        }
        if !file.as_os_str().is_empty() {
            let text = fs::read_to_string(file).map_err(|error| error.to_string());
            let read = text.and_then(|text| aggregate_yaml(&text).map_err(|e| e.to_string()));
            if let Err(error) = read {
                let reason = format!("{}: {error}", file.display());
                self.add("binding_cache.aggregate_drains", reason);
            }
        }
        let ranges = own.blocked_ranges.iter().map(String::as_str);
        if let Err(error) = BlockList::parse(ranges) {
            self.add("binding_cache.blocked_ranges", error.to_string());
        }
        if !own.agent.is_empty() {
            self.target("binding_cache.agent", &own.agent);
        }
        self.tls("binding_cache.agent_tls", &own.agent_tls);
        self.queue("binding_cache.queue", &own.queue);
        if let Some(door) = &own.metrics {
            self.tls("binding_cache.metrics.tls", &door.tls);
        }
    }

    pub(super) fn forwarder_agent(&mut self, settings: &Settings) {
        let own = &settings.forwarder_agent;
        self.tls("forwarder_agent.tls", &own.tls);
        self.suites("forwarder_agent.cipher_suites", &own.cipher_suites);
        self.limits("forwarder_agent.limits", &own.limits);
        if own.destinations.is_empty() && own.destination_files.is_empty() {
            self.add(
                "forwarder_agent.destinations",
                "names no destination; write [\"HOST:PORT\"], or patterns of files in \
                 forwarder_agent.destination_files",
            );
        }
        for (index, destination) in own.destinations.iter().enumerate() {
            self.target(
                &format!("forwarder_agent.destinations[{index}]"),
                destination,
            );
        }
        self.not_zero("forwarder_agent.otel.timeout", own.otel.timeout);
        self.queue("forwarder_agent.queue", &own.queue);
        self.at_least_one("forwarder_agent.counters", own.counters);
        self.not_zero("forwarder_agent.stall_timeout", own.stall_timeout);
        if let Some(door) = &own.metrics {
            self.tls("forwarder_agent.metrics.tls", &door.tls);
        }
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
}
