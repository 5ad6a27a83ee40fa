//! What is read of nozzles, and of the names that go with them.

use logweir_drain::nozzle::{Nozzle, To};

use super::Found;
use crate::config::settings::Settings;

impl Found {
    pub(super) fn nozzle(&mut self, settings: &Settings) {
        let own = &settings.nozzle;
        self.target("nozzle.rlp", &own.rlp);
        self.tls("nozzle.rlp_tls", &own.rlp_tls);
        self.queues("nozzle", &own.queue, own.queues_total_bytes);
        if let Some(door) = &own.metrics {
            self.tls("nozzle.metrics.tls", &door.tls);
        }
        self.drains(settings);
        self.nozzles(settings);
        if settings.nozzles.is_empty() {
            self.add("nozzles", "names no nozzle; write a table [[nozzles]]");
        }
    }

    /// `[[nozzles]]` and `[names]`.
    pub(super) fn nozzles(&mut self, settings: &Settings) {
        let mut known: Vec<Nozzle> = Vec::new();
        for (index, config) in settings.nozzles.iter().enumerate() {
            let key = format!("nozzles[{index}]");
            let nozzle = match config.nozzle() {
                Ok(nozzle) => nozzle,
                Err(error) => {
                    self.add(key, error.to_string());
                    continue;
                }
            };
            if known.iter().any(|one| one.id() == nozzle.id()) {
                self.add(key, "another nozzle has this name");
            } else if known.iter().any(|one| share_a_file(&one.to, &nozzle.to)) {
                self.add(key, "another nozzle writes this file");
            } else {
                known.push(nozzle);
            }
        }
        let Some(names) = &settings.names else { return };
        self.url("names.api", &names.api);
        if !names.uaa.is_empty() {
            self.url("names.uaa", &names.uaa);
            if names.client_id.is_empty() {
                let reason = "is needed where names.uaa is given";
                self.add("names.client_id", reason);
            }
        }
        self.optional_file("names.ca", &names.ca);
        self.not_zero("names.ttl", names.ttl);
        self.not_zero("names.absent_ttl", names.absent_ttl);
        self.at_least_one("names.entries", names.entries);
    }
}

fn share_a_file(one: &To, other: &To) -> bool {
    match (one, other) {
        (To::File(one), To::File(other)) => one.path == other.path,
        _ => false,
    }
}
