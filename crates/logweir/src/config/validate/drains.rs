//! What is read of drains, and by those who deliver them.

use logweir_drain::block_list::BlockList;

use super::Found;
use crate::config::settings::Settings;

/// Least bytes of a spool.
const MIN_SPOOL: u64 = 1 << 20;

impl Found {
    pub(super) fn syslog_agent(&mut self, settings: &Settings) {
        let own = &settings.syslog_agent;
        self.tls("syslog_agent.tls", &own.tls);
        self.suites("syslog_agent.cipher_suites", &own.cipher_suites);
        self.limits("syslog_agent.limits", &own.limits);
        if !own.cache.is_empty() {
            self.url("syslog_agent.cache", &own.cache);
        }
        self.tls("syslog_agent.cache_tls", &own.cache_tls);
        self.not_zero("syslog_agent.poll_interval", own.poll_interval);
        let interval = own.aggregate_poll_interval;
        self.not_zero("syslog_agent.aggregate_poll_interval", interval);
        self.at_least_one("syslog_agent.drains_per_app", own.drains_per_app);
        if !own.agent.is_empty() {
            self.target("syslog_agent.agent", &own.agent);
        }
        self.queues("syslog_agent", &own.queue, own.queues_total_bytes);
        self.drains(settings);
        if let Some(door) = &own.metrics {
            self.tls("syslog_agent.metrics.tls", &door.tls);
        }
    }

    /// `[delivery]` and `[[drains]]`.
    pub(super) fn drains(&mut self, settings: &Settings) {
        let own = &settings.delivery;
        if !own.trusted_ca.as_os_str().is_empty() {
            self.file("delivery.trusted_ca", &own.trusted_ca);
        }
        self.suites("delivery.cipher_suites", &own.cipher_suites);
        let ranges = own.blocked_ranges.iter().map(String::as_str);
        if let Err(error) = BlockList::parse(ranges) {
            self.add("delivery.blocked_ranges", error.to_string());
        }
        for (key, value) in [
            ("connect_timeout", own.connect_timeout),
            ("write_timeout", own.write_timeout),
            ("answer_timeout", own.answer_timeout),
            ("idle_timeout", own.idle_timeout),
            ("connection_age", own.connection_age),
            ("aggregate_connection_age", own.aggregate_connection_age),
            ("retry_max", own.retry_max),
            ("give_up_after", own.give_up_after),
            ("notice_interval", own.notice_interval),
        ] {
            self.not_zero(&format!("delivery.{key}"), value);
        }
        if own.spool_bytes < MIN_SPOOL {
            let reason = format!("is less than {MIN_SPOOL}: that is one chunk of a queue");
            self.add("delivery.spool_bytes", reason);
        }
        let mut known = Vec::new();
        for (index, drain) in settings.drains.iter().enumerate() {
            let definition = drain.definition();
            let made = definition.and_then(|one| one.drain(&own.url_defaults()));
            match made {
                Err(error) => self.add(format!("drains[{index}]"), error.to_string()),
                Ok(drain) if known.contains(&drain.id) => {
                    let reason = "this URL is a drain of this source already";
                    self.add(format!("drains[{index}]"), reason);
                }
                Ok(drain) => known.push(drain.id.clone()),
            }
        }
    }
}
