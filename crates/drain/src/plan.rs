//! From bindings to drains, and from one set of drains to the next (spec agents-and-drains
//! §2.3).

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use http::{HeaderName, HeaderValue};

use crate::{
    binding::{Binding, Credentials, Pem},
    drain::{Drain, Scope},
    exit::Exit,
    headers,
    secret::Secret,
    url::{DrainUrl, UrlDefaults, UrlError},
};

/// How bindings become drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What URLs that say nothing get.
    pub defaults: UrlDefaults,
    /// Most drains of one app; the first by URL are kept.
    pub per_app: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            defaults: UrlDefaults::default(),
            per_app: 5,
        }
    }
}

/// The drains that bindings make, and what they do not make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Sorted by id, each id once.
    pub drains: Vec<Arc<Drain>>,
    /// What the apps are to be told.
    pub refused: Vec<Refused>,
}

/// A drain that there will not be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whom to tell; `None` for a drain of all apps.
    pub app: Option<String>,
    /// Why not.
    pub reason: Refusal,
}

/// Why there will be no drain. The text is for the app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The URL names none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// More drains than an app may have.
    #[error(
        "Syslog drain with url {url} is not used: an app may have at most {limit} drains, and the first by URL are kept"
    )]
    Limit {
        /// The URL, redacted.
        url: String,
        /// How many are kept.
        limit: usize,
    },
}

/// The drains of apps.
pub fn apps(bindings: &[Binding], rules: &Rules) -> Plan {
    let mut plan = Plan::default();
    let mut hostnames: HashMap<&str, &str> = HashMap::new();
    // Sorted by URL, so that the same drains are kept whatever the order of the bindings.
    let mut wanted: BTreeMap<&str, BTreeSet<Wanted<'_>>> = BTreeMap::new();
    for binding in bindings {
        for credentials in &binding.credentials {
            for app in &credentials.apps {
                hostnames.insert(&app.app_id, &app.hostname);
                let entry = wanted.entry(&app.app_id).or_default();
                entry.insert(Wanted::new(binding, credentials));
            }
        }
    }
    let mut read = Read::new(rules.defaults);
    for (app, wanted) in wanted {
        let scope = Scope::App {
            id: app.to_owned(),
            hostname: hostnames.get(app).copied().unwrap_or_default().to_owned(),
        };
        plan.add(&scope, wanted, Some(rules.per_app), &mut read);
    }
    plan.finish()
}

/// The drains of all apps. Apps that a binding may name do not count.
pub fn aggregate(bindings: &[Binding], rules: &Rules) -> Plan {
    let mut plan = Plan::default();
    let mut wanted = BTreeSet::new();
    let none = Credentials::default();
    for binding in bindings {
        match binding.credentials.as_slice() {
            [] => {
                wanted.insert(Wanted::new(binding, &none));
            }
            all => wanted.extend(all.iter().map(|one| Wanted::new(binding, one))),
        }
    }
    plan.add(
        &Scope::Aggregate,
        wanted,
        None,
        &mut Read::new(rules.defaults),
    );
    plan.finish()
}

/// What makes a drain of an app, beside the app. Equal ones are one drain.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wanted<'a> {
    url: &'a Secret,
    pem: &'a Pem,
    headers: BTreeMap<&'a str, &'a Secret>,
}

impl<'a> Wanted<'a> {
    fn new(binding: &'a Binding, credentials: &'a Credentials) -> Self {
        let both = binding.headers.iter().chain(&credentials.headers);
        Self {
            url: &binding.url,
            pem: &credentials.pem,
            headers: both.map(|(name, value)| (name.as_str(), value)).collect(),
        }
    }

    fn headers(&self, url: &DrainUrl) -> Result<Vec<(HeaderName, HeaderValue)>, UrlError> {
        let own = self.headers.iter().map(|(name, value)| {
            headers::header(name, value.reveal()).map_err(|_| UrlError::Header {
                name: (*name).to_owned(),
                url: url.anonymous().to_owned(),
            })
        });
        own.chain(url.headers().iter().cloned().map(Ok)).collect()
    }
}

/// What was read before: the same URL and credentials are bound to many apps.
struct Read<'a> {
    defaults: UrlDefaults,
    urls: HashMap<&'a str, Result<DrainUrl, UrlError>>,
    pems: HashMap<&'a Pem, Arc<Pem>>,
}

impl<'a> Read<'a> {
    fn new(defaults: UrlDefaults) -> Self {
        Self {
            defaults,
            urls: HashMap::new(),
            pems: HashMap::new(),
        }
    }

    fn pem(&mut self, pem: &'a Pem) -> Arc<Pem> {
        let shared = self.pems.entry(pem);
        Arc::clone(shared.or_insert_with(|| Arc::new(pem.clone())))
    }

    fn url(&mut self, url: &'a Secret) -> Result<DrainUrl, UrlError> {
        let defaults = self.defaults;
        let text = url.reveal();
        let entry = self.urls.entry(text);
        entry
            .or_insert_with(|| DrainUrl::parse(text, &defaults))
            .clone()
    }
}

impl Plan {
    fn add<'a>(
        &mut self,
        scope: &Scope,
        wanted: BTreeSet<Wanted<'a>>,
        limit: Option<usize>,
        read: &mut Read<'a>,
    ) {
        let mut kept: HashMap<&str, usize> = HashMap::new();
        let mut count = 0;
        for wanted in wanted {
            let made = read.url(wanted.url).and_then(|url| {
                let headers = wanted.headers(&url)?;
                Ok((url, headers))
            });
            let (url, headers) = match made {
                Ok(made) => made,
                Err(error) => {
                    self.refuse(scope, error.into());
                    continue;
                }
            };
            if let Some(limit) = limit.filter(|limit| count >= *limit) {
                let url = url.anonymous().to_owned();
                self.refuse(scope, Refusal::Limit { url, limit });
                continue;
            }
            count += 1;
            let mut drain = Drain::new(scope.clone(), url);
            drain.pem = read.pem(wanted.pem);
            drain.headers = headers;
            let same = kept.entry(wanted.url.reveal()).or_default();
            *same += 1;
            if *same > 1 {
                drain.id = format!("{}-{same}", drain.id);
            }
            self.drains.push(Arc::new(drain));
        }
    }

    fn refuse(&mut self, scope: &Scope, reason: Refusal) {
        self.refused.push(Refused {
            app: scope.app().map(str::to_owned),
            reason,
        });
    }

    fn finish(mut self) -> Self {
        self.drains.sort_by(|a, b| a.id.cmp(&b.id));
        self
    }
}

/// What is to be done to come from one set of drains and nozzles to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Ids of those to end: gone, or there anew in `start`.
    pub stop: Vec<String>,
    /// Those to begin.
    pub start: Vec<Exit>,
}

/// Compares by value. One that differs in anything is stopped and started again.
pub fn change<'a>(
    running: impl IntoIterator<Item = &'a Exit>,
    wanted: impl IntoIterator<Item = &'a Exit>,
) -> Change {
    let running = running.into_iter().map(|exit| (exit.id(), exit));
    let mut running: BTreeMap<&str, &Exit> = running.collect();
    let mut change = Change::default();
    for exit in wanted {
        match running.remove(exit.id()) {
            Some(same) if same == exit => {}
            Some(other) => {
                change.stop.push(other.id().to_owned());
                change.start.push(exit.clone());
            }
            None => change.start.push(exit.clone()),
        }
    }
    let gone = running.into_keys().map(str::to_owned);
    change.stop.extend(gone);
    change
}
