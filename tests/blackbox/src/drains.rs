//! Drains of a running system: how they are declared, and what their page says.

use std::{fmt::Write, path::Path};

use serde_json::Value;

use crate::{certificates::Identity, http, patience::eventually, system::System};

/// A drain for the configuration file.
#[derive(Clone, Debug)]
pub struct Declared(String);

impl Declared {
    /// One of all sources.
    pub fn new(url: &str) -> Self {
        Self(format!("[[drains]]\nurl = {url:?}\n"))
    }

    /// Of this source alone.
    pub fn of(self, source: &str) -> Self {
        self.with("source_id", source)
    }

    /// `HOSTNAME` of its messages.
    pub fn named(self, hostname: &str) -> Self {
        self.with("hostname", hostname)
    }

    /// Who vouches for its receiver.
    pub fn trusting(self, ca: &Path) -> Self {
        self.with("ca", &ca.display().to_string())
    }

    /// Who we are to its receiver.
    pub fn as_client(self, identity: &Identity) -> Self {
        let cert = self.with("cert", &identity.cert.display().to_string());
        cert.with("key", &identity.key.display().to_string())
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        // Into a string, nothing fails.
        let _ = writeln!(self.0, "{key} = {value:?}");
        self
    }
}

/// A configuration with these drains; `settings` is what goes before them.
pub fn config(settings: &str, drains: &[Declared]) -> String {
    let drains: Vec<_> = drains.iter().map(|one| one.0.as_str()).collect();
    format!("{settings}\n{}", drains.join("\n"))
}

/// What `/api/drains` says about each drain.
///
/// # Panics
/// When it is no such page.
pub async fn drains(system: &System) -> Vec<Value> {
    let (status, page) = http::get(system.door("http"), "/api/drains").await;
    assert_eq!(status, 200, "{page}");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    page["drains"].as_array().expect("a list").clone()
}

/// What it says about the drain whose URL contains `part`.
///
/// # Panics
/// When there is none.
pub async fn drain(system: &System, part: &str) -> Value {
    let all = drains(system).await;
    let found = all
        .iter()
        .find(|one| one["url"].as_str().is_some_and(|url| url.contains(part)));
    found
        .unwrap_or_else(|| panic!("no drain {part} in {all:#?}"))
        .clone()
}

/// The same once `enough` says that it is.
pub async fn drain_until(
    system: &System,
    part: &str,
    what: &str,
    enough: impl Fn(&Value) -> bool,
) -> Value {
    eventually(what, async || {
        let found = drain(system, part).await;
        enough(&found).then_some(found)
    })
    .await
}

/// A number of a drain's page; absent is 0.
pub fn count(drain: &Value, name: &str) -> u64 {
    drain[name].as_u64().unwrap_or_default()
}

/// Envelopes that a drain's page says were lost, by any cause.
pub fn lost(drain: &Value) -> u64 {
    let causes = drain["lost"].as_object();
    let counts = causes.into_iter().flat_map(|causes| causes.values());
    counts.filter_map(Value::as_u64).sum()
}
