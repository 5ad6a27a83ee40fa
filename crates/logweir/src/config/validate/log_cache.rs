//! What a log cache and its gateway read of the settings.

use super::Found;
use crate::config::settings::Settings;

/// Less than this holds no block of envelopes.
const LEAST_STORE: usize = 1 << 20;

impl Found {
    pub(super) fn log_cache(&mut self, settings: &Settings) {
        let own = &settings.log_cache;
        self.tls("log_cache.tls", &own.tls);
        self.suites("log_cache.cipher_suites", &own.cipher_suites);
        self.limits("log_cache.limits", &own.limits);
        self.store(settings);
        let cluster = &own.cluster;
        if !cluster.nodes.is_empty()
            && let Err(reason) = cluster.list().targets()
        {
            self.add("log_cache.cluster.nodes", reason);
        }
        self.queue("log_cache.cluster.queue", &cluster.queue);
        if let Some(door) = &own.metrics {
            self.tls("log_cache.metrics.tls", &door.tls);
        }
    }

    /// What `logweir run` reads of it too.
    pub(super) fn store(&mut self, settings: &Settings) {
        let bytes = settings.log_cache.store.bytes;
        self.between("log_cache.store.bytes", bytes, LEAST_STORE, usize::MAX);
    }

    pub(super) fn log_cache_gateway(&mut self, settings: &Settings) {
        let own = &settings.log_cache_gateway;
        if let Some(https) = &own.https {
            self.file("log_cache_gateway.https.cert", &https.cert);
            self.file("log_cache_gateway.https.key", &https.key);
        }
        self.target("log_cache_gateway.log_cache", &own.log_cache);
        self.tls("log_cache_gateway.log_cache_tls", &own.log_cache_tls);
        let stream = &own.stream;
        let key = "log_cache_gateway.stream";
        self.not_zero(&format!("{key}.heartbeat"), stream.heartbeat);
        self.not_zero(&format!("{key}.timeout"), stream.timeout);
        self.at_least_one(&format!("{key}.max_streams"), stream.max_streams);
        if let Some(door) = &own.metrics {
            self.tls("log_cache_gateway.metrics.tls", &door.tls);
        }
        self.auth(&settings.auth);
    }
}
