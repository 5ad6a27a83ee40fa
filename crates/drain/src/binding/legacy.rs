//! The shapes of earlier releases: by app, and without credentials until the last v4.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{App, Credentials, Pem, or_default};
use crate::secret::Secret;

/// One app in `/bindings` of a binding cache before v8; in `/aggregate` without an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The app's guid; empty for aggregate drains.
    pub app_id: String,
    /// The URLs.
    #[serde(deserialize_with = "or_default")]
    pub drains: Vec<Secret>,
    /// `org.space.app`.
    #[serde(default)]
    pub hostname: String,
    /// Tells agents that the v2 paths are there.
    #[serde(default)]
    pub v2_available: bool,
}

/// One app in a page of CAPI's v4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AppDrains {
    /// The URLs.
    #[serde(default, deserialize_with = "or_default")]
    pub drains: Vec<Secret>,
    /// `org.space.app`.
    #[serde(default, deserialize_with = "or_default")]
    pub hostname: String,
    /// Credentials of the drains, which the last releases of v4 had.
    #[serde(default, deserialize_with = "or_default")]
    pub credentials: Vec<Pem>,
}

/// Bindings of today, of a v4 page. Credentials belong to the drain at the same place.
pub(super) fn from_apps(apps: BTreeMap<String, AppDrains>) -> Vec<super::Binding> {
    let entries = apps.into_iter().flat_map(|(app_id, of)| {
        let hostname = of.hostname;
        let pems = of
            .credentials
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat(None));
        let drains = of.drains.into_iter().zip(pems);
        drains
            .map(move |(url, pem)| {
                let app = App {
                    hostname: hostname.clone(),
                    app_id: app_id.clone(),
                };
                (url, pem.unwrap_or_default(), Some(app))
            })
            .collect::<Vec<_>>()
    });
    grouped(entries)
}

/// Bindings of today, of a list by app.
pub(super) fn to_bindings(list: Vec<Binding>) -> Vec<super::Binding> {
    let entries = list.into_iter().flat_map(|binding| {
        let app = (!binding.app_id.is_empty()).then_some(App {
            hostname: binding.hostname,
            app_id: binding.app_id,
        });
        let drains = binding.drains.into_iter();
        drains.map(move |url| (url, Pem::default(), app.clone()))
    });
    grouped(entries)
}

/// The list by app, of bindings of today. Drains with credentials or headers are left out:
/// whoever reads this shape cannot use them.
pub fn of_bindings(bindings: &[super::Binding]) -> Vec<Binding> {
    let mut apps: BTreeMap<&str, Binding> = BTreeMap::new();
    let bindings = bindings.iter();
    for binding in bindings.filter(|binding| binding.headers.is_empty()) {
        let plain = binding.credentials.iter();
        for app in plain
            .filter(|one| one.pem == Pem::default() && one.headers.is_empty())
            .flat_map(|credentials| &credentials.apps)
        {
            let entry = apps.entry(&app.app_id).or_insert_with(|| Binding {
                app_id: app.app_id.clone(),
                v2_available: true,
                ..Binding::default()
            });
            entry.hostname.clone_from(&app.hostname);
            if !entry.drains.contains(&binding.url) {
                entry.drains.push(binding.url.clone());
            }
        }
    }
    apps.into_values().collect()
}

/// The aggregate drains in the same shape: one entry without an app, none without drains.
pub fn of_aggregate(bindings: &[super::Binding]) -> Vec<Binding> {
    let drains: Vec<Secret> = bindings.iter().map(|binding| binding.url.clone()).collect();
    if drains.is_empty() {
        return Vec::new();
    }
    vec![Binding {
        drains,
        v2_available: true,
        ..Binding::default()
    }]
}

/// One binding for each URL, one entry of credentials for each triple.
fn grouped(entries: impl Iterator<Item = (Secret, Pem, Option<App>)>) -> Vec<super::Binding> {
    let mut urls: BTreeMap<Secret, BTreeMap<Pem, Vec<App>>> = BTreeMap::new();
    for (url, pem, app) in entries {
        urls.entry(url)
            .or_default()
            .entry(pem)
            .or_default()
            .extend(app);
    }
    let binding = |(url, credentials): (Secret, BTreeMap<Pem, Vec<App>>)| super::Binding {
        url,
        credentials: credentials
            .into_iter()
            .map(|(pem, apps)| Credentials {
                pem,
                apps,
                ..Credentials::default()
            })
            .collect(),
        ..super::Binding::default()
    };
    urls.into_iter().map(binding).collect()
}
