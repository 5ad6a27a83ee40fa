//! What the doors around a log cache read of the settings.

use super::Found;
use crate::config::settings::Settings;

impl Found {
    pub(super) fn log_cache_auth_proxy(&mut self, settings: &Settings) {
        let own = &settings.log_cache_auth_proxy;
        let section = "log_cache_auth_proxy";
        if let Some(https) = &own.https {
            self.file(&format!("{section}.https.cert"), &https.cert);
            self.file(&format!("{section}.https.key"), &https.key);
        }
        match &own.uaa {
            Some(uaa) => self.url(&format!("{section}.uaa.url"), &uaa.url),
            None => self.add(
                format!("{section}.uaa"),
                "is not set; it knows who the users are",
            ),
        }
        self.url(&format!("{section}.capi.url"), &own.capi.url);
        self.url(&format!("{section}.gateway"), &own.gateway);
        if let Some(door) = &own.metrics {
            self.tls(&format!("{section}.metrics.tls"), &door.tls);
        }
    }

    pub(super) fn log_cache_syslog_server(&mut self, settings: &Settings) {
        let own = &settings.log_cache_syslog_server;
        let section = "log_cache_syslog_server";
        if let Some(tls) = &own.tls {
            self.file(&format!("{section}.tls.cert"), &tls.cert);
            self.file(&format!("{section}.tls.key"), &tls.key);
            if !tls.ca.as_os_str().is_empty() {
                self.file(&format!("{section}.tls.ca"), &tls.ca);
            }
        }
        self.target(&format!("{section}.log_cache"), &own.log_cache);
        self.tls(&format!("{section}.log_cache_tls"), &own.log_cache_tls);
        self.at_least_one(&format!("{section}.connections"), own.connections);
        self.at_least_one(&format!("{section}.message_bytes"), own.message_bytes);
        self.queue(&format!("{section}.queue"), &own.queue);
        if let Some(door) = &own.metrics {
            self.tls(&format!("{section}.metrics.tls"), &door.tls);
        }
    }
}
