//! The rules for one value or one table, whichever role reads it.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use logweir_serve::{
    auth::AuthConfig,
    settings::{GrpcLimits, QueueConfig, SelfMetricsConfig, TlsFiles},
};

use super::{CHUNK, Found, LARGEST_MESSAGE, SUITES};

impl Found {
    /// The bounds of each queue of a role, and of all together.
    pub(super) fn queues(&mut self, role: &str, queue: &QueueConfig, total_bytes: usize) {
        self.queue(&format!("{role}.queue"), queue);
        if total_bytes < queue.bytes {
            self.add(
                format!("{role}.queues_total_bytes"),
                format!("must not be less than {role}.queue.bytes, the bound of one queue"),
            );
        }
    }

    pub(super) fn auth(&mut self, auth: &AuthConfig) {
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

    pub(super) fn tls(&mut self, key: &str, files: &TlsFiles) {
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

    pub(super) fn file(&mut self, key: &str, path: &Path) {
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

    pub(super) fn optional_file(&mut self, key: &str, path: &Path) {
        if !path.as_os_str().is_empty() {
            self.file(key, path);
        }
    }

    pub(super) fn suites(&mut self, key: &str, suites: &[String]) {
        // The peers skip what they do not know and fail only when nothing is left.
        if !suites.is_empty() && !suites.iter().any(|name| SUITES.contains(&name.as_str())) {
            self.add(
                key,
                format!("knows none of these suites; use {}", SUITES.join(" or ")),
            );
        }
    }

    pub(super) fn limits(&mut self, key: &str, limits: &GrpcLimits) {
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

    pub(super) fn queue(&mut self, key: &str, queue: &QueueConfig) {
        self.between(&format!("{key}.bytes"), queue.bytes, CHUNK, 1 << 40);
        self.at_least_one(&format!("{key}.envelopes"), queue.envelopes);
    }

    pub(super) fn self_metrics(&mut self, key: &str, metrics: &SelfMetricsConfig) {
        if !metrics.agent.is_empty() {
            self.target(&format!("{key}.agent"), &metrics.agent);
        }
    }

    pub(super) fn routers(&mut self, key: &str, routers: &[String]) {
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

    pub(super) fn target(&mut self, key: &str, text: &str) {
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0)) {
            self.add(key, format!("`{text}` is no HOST:PORT"));
        }
    }

    pub(super) fn url(&mut self, key: &str, text: &str) {
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
            _ => self.add(key, "must be an http:// or https:// URL"),
        }
    }

    pub(super) fn at_least_one(&mut self, key: &str, value: usize) {
        if value == 0 {
            self.add(key, "must be at least 1");
        }
    }

    pub(super) fn between(&mut self, key: &str, value: usize, least: usize, most: usize) {
        if !(least..=most).contains(&value) {
            self.add(key, format!("must be between {least} and {most} bytes"));
        }
    }

    pub(super) fn not_zero(&mut self, key: &str, value: Duration) {
        if value.is_zero() {
            self.add(key, "must be longer than nothing");
        }
    }
}
