//! What the sources of metrics and syslog read of the settings.

use logweir_serve::{
    otlp::OtlpConfig,
    prom_scraper::{PromScraperConfig, TargetConfig},
    statsd::StatsdConfig,
    syslog_in::SyslogConfig,
};

use super::{Found, LARGEST_RECEIVE_BUFFER};
use crate::config::settings::Settings;

/// Larger messages and pages would be held whole for each connection or target.
const LARGEST_TEXT: usize = 1 << 30;

impl Found {
    pub(super) fn prom_scraper(&mut self, settings: &Settings) {
        let own = &settings.prom_scraper;
        self.tls("prom_scraper.tls", &own.tls);
        self.suites("prom_scraper.cipher_suites", &own.cipher_suites);
        self.target("prom_scraper.agent", &own.agent);
        self.queue("prom_scraper.queue", &own.queue);
        self.not_zero("prom_scraper.stall_timeout", own.stall_timeout);
        if let Some(door) = &own.metrics {
            self.tls("prom_scraper.metrics.tls", &door.tls);
        }
        self.scrapes(own);
    }

    /// What `logweir run` reads of the prom scraper.
    pub(super) fn scrapes(&mut self, own: &PromScraperConfig) {
        self.not_zero("prom_scraper.interval", own.interval);
        self.not_zero("prom_scraper.timeout", own.timeout);
        self.between("prom_scraper.page_bytes", own.page_bytes, 1, LARGEST_TEXT);
        self.at_least_one("prom_scraper.series", own.series);
        let tls = &own.target_tls;
        self.optional_file("prom_scraper.target_tls.cert", &tls.cert);
        self.optional_file("prom_scraper.target_tls.key", &tls.key);
        self.optional_file("prom_scraper.target_tls.ca", &tls.ca);
        for (index, target) in own.targets.iter().enumerate() {
            self.scrape_target(&format!("prom_scraper.targets[{index}]"), target);
        }
    }

    fn scrape_target(&mut self, key: &str, target: &TargetConfig) {
        if target.port == 0 {
            self.add(format!("{key}.port"), "names no port");
        }
        if !matches!(&target.scheme[..], "http" | "https") {
            self.add(format!("{key}.scheme"), "must be `http` or `https`");
        }
        let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@');
        if target.host.is_empty() || target.host.contains(odd) {
            let host = &target.host;
            self.add(format!("{key}.host"), format!("`{host}` is no host"));
        }
        self.optional_file(&format!("{key}.ca"), &target.ca);
        self.optional_file(&format!("{key}.cert"), &target.cert);
        self.optional_file(&format!("{key}.key"), &target.key);
    }

    pub(super) fn statsd_injector(&mut self, settings: &Settings) {
        let own = &settings.statsd_injector;
        self.tls("statsd_injector.tls", &own.tls);
        self.suites("statsd_injector.cipher_suites", &own.cipher_suites);
        self.target("statsd_injector.agent", &own.agent);
        self.queue("statsd_injector.queue", &own.queue);
        self.not_zero("statsd_injector.stall_timeout", own.stall_timeout);
        if let Some(door) = &own.metrics {
            self.tls("statsd_injector.metrics.tls", &door.tls);
        }
        self.statsd(&settings.statsd);
    }

    pub(super) fn statsd(&mut self, own: &StatsdConfig) {
        self.at_least_one("statsd.series", own.series);
        self.not_zero("statsd.set_interval", own.set_interval);
        let bytes = own.receive_buffer;
        self.between("statsd.receive_buffer", bytes, 1, LARGEST_RECEIVE_BUFFER);
    }

    pub(super) fn otlp(&mut self, own: &OtlpConfig) {
        self.between("otlp.message_bytes", own.message_bytes, 1, LARGEST_TEXT);
        self.at_least_one("otlp.connections", own.connections);
        if let Some(tls) = &own.tls {
            self.file("otlp.tls.cert", &tls.cert);
            self.file("otlp.tls.key", &tls.key);
            self.optional_file("otlp.tls.ca", &tls.ca);
        }
    }

    pub(super) fn syslog(&mut self, own: &SyslogConfig) {
        self.between("syslog.message_bytes", own.message_bytes, 1, LARGEST_TEXT);
        self.at_least_one("syslog.connections", own.connections);
        let bytes = own.receive_buffer;
        self.between("syslog.receive_buffer", bytes, 1, LARGEST_RECEIVE_BUFFER);
        if let Some(tls) = &own.tls {
            self.file("syslog.tls.cert", &tls.cert);
            self.file("syslog.tls.key", &tls.key);
            self.optional_file("syslog.tls.ca", &tls.ca);
        }
    }
}
