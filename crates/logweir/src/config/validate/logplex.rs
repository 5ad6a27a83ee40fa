//! What Logplex reads of the settings.

use logweir_serve::logplex::redis::RedisUrl;

use super::Found;
use crate::config::settings::Settings;

impl Found {
    /// Of the role.
    pub(super) fn logplex_role(&mut self, settings: &Settings) {
        let own = &settings.logplex;
        if let Some(https) = &own.https {
            self.file("logplex.https.cert", &https.cert);
            self.file("logplex.https.key", &https.key);
        }
        if let Some(tls) = &own.syslog_tls {
            self.file("logplex.syslog_tls.cert", &tls.cert);
            self.file("logplex.syslog_tls.key", &tls.key);
            if !tls.ca.as_os_str().is_empty() {
                self.file("logplex.syslog_tls.ca", &tls.ca);
            }
        }
        self.queues("logplex", &own.queue, own.queues_total_bytes);
        if let Some(door) = &own.metrics {
            self.tls("logplex.metrics.tls", &door.tls);
        }
        self.logplex(settings);
        self.auth(&settings.auth);
    }

    /// What `logweir run` reads of it too.
    pub(super) fn logplex(&mut self, settings: &Settings) {
        let own = &settings.logplex;
        for (key, url) in [
            ("logplex.api_url", &own.api_url),
            ("logplex.v3_url", &own.v3_url),
        ] {
            if !url.is_empty() {
                self.url(key, url);
            }
        }
        self.not_zero("logplex.session_expiry", own.session_expiry);
        self.at_least_one("logplex.history_lines", own.history_lines);
        self.at_least_one("logplex.body_bytes", own.body_bytes);
        let redis = &own.redis;
        if redis.history && !redis.is_on() {
            self.add(
                "logplex.redis.history",
                "recent lines cannot be kept in Redis without logplex.redis.url",
            );
        }
        let cluster = &own.cluster;
        let urls = [
            ("logplex.redis.url", &redis.url),
            ("logplex.cluster.redis_url", &cluster.redis_url),
        ];
        let shards = redis.shards.iter().map(|url| ("logplex.redis.shards", url));
        for (key, url) in urls
            .into_iter()
            .filter(|(_, url)| !url.is_empty())
            .chain(shards)
        {
            if let Err(why) = RedisUrl::parse(url) {
                self.add(key, why.to_string());
            }
        }
        let listen = cluster.listen;
        if redis.is_on() && cluster.advertise.is_empty() && listen.ip().is_unspecified() {
            self.add(
                "logplex.cluster.advertise",
                format!(
                    "other nodes cannot dial {listen}, the address of logplex.cluster.listen; \
                     say here where they reach this one"
                ),
            );
        }
        if !cluster.advertise.is_empty() {
            self.target("logplex.cluster.advertise", &cluster.advertise);
        }
        self.tls("logplex.cluster.tls", &cluster.tls);
        self.not_zero("logplex.cluster.expiry", cluster.expiry);
        self.queue("logplex.cluster.queue", &cluster.queue);
    }
}
