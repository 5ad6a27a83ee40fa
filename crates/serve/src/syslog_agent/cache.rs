//! Bindings from a binding cache (spec agents-and-drains §2.2, §2.3).

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode, Uri, uri::PathAndQuery};
use logweir_drain::{
    binding::{self, Binding, ReadError},
    plan::{self, Plan, Rules},
};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings, HttpError},
    tls::{Alpn, ClientTls, Verify},
};
use tokio::time::{Instant, sleep};

use super::SyslogAgentConfig;
use crate::{
    context::{ServeContext, StartError},
    drains::{Drains, Origin, Refusals},
    metrics::{Counter, Gauge, Registry},
};

/// For one list, from the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest list in bytes.
const LIST: usize = 256 << 20;

/// The pause where the settings ask for none.
const LEAST: Duration = Duration::from_secs(1);

/// Why a list could not be read. The texts are the peer's where it has one.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// No answer.
    #[error("fetching {path} failed: {source}")]
    Request {
        path: &'static str,
        source: HttpError,
    },
    /// Another answer than a list.
    #[error("unexpected http response from binding cache: {0}")]
    Status(u16),
    /// Not a list.
    #[error("failed to decode JSON: {0}")]
    Decode(#[from] ReadError),
}

/// Asks the binding cache.
pub(super) struct Cache {
    client: HttpClient,
    base: Uri,
}

impl Cache {
    /// Loads the certificates.
    pub(super) fn new(
        config: &SyslogAgentConfig,
        context: &ServeContext,
    ) -> Result<Arc<Self>, StartError> {
        let wrong = || {
            let cache = &config.cache;
            StartError::Setting(format!(
                "syslog_agent.cache: `{cache}` is no address; write it as https://HOST:PORT"
            ))
        };
        let base: Uri = config.cache.parse().map_err(|_| wrong())?;
        let tls = match base.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let files = &config.cache_tls;
                let identity = Some((files.cert.as_path(), files.key.as_path()));
                let tls =
                    ClientTls::load(Some(&files.ca), identity, Verify::Ca, &[], Alpn::HttpAll);
                let tls = tls.map_err(|source| StartError::Tls {
                    part: "the binding cache's client",
                    source: Box::new(source),
                })?;
                context.watch_tls(Vec::new(), vec![tls.clone()]);
                Some(tls)
            }
            _ => return Err(wrong()),
        };
        let name = Some(config.cache_name.clone()).filter(|name| !name.is_empty());
        let settings = HttpClientSettings {
            connect_timeout: PATIENCE,
            total_timeout: PATIENCE,
            max_body: LIST,
        };
        Ok(Arc::new(Self {
            client: HttpClient::new(tls, name, settings),
            base,
        }))
    }

    async fn fetch(&self, path: &'static str) -> Result<Vec<Binding>, FetchError> {
        let prefix = self.base.path().trim_end_matches('/');
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{prefix}/{path}")).ok();
        let mut request = Request::new(body::empty());
        // Both halves were parsed before.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|source| FetchError::Request { path, source })?;
        match answer.status() {
            StatusCode::OK => Ok(binding::bindings(answer.body())?),
            status => Err(FetchError::Status(status.as_u16())),
        }
    }
}

/// One of the two lists, asked for again and again.
pub(super) struct Poller {
    pub(super) cache: Arc<Cache>,
    pub(super) drains: Arc<Drains>,
    pub(super) rules: Rules,
    /// Who is told about bindings that make no drain.
    pub(super) refusals: Option<Refusals>,
    pub(super) interval: Duration,
}

impl Poller {
    /// The bindings of apps.
    pub(super) async fn bindings(mut self, figures: Figures) {
        let interval = self.interval.max(LEAST);
        // Fixed for the life of the process, so that agents stay spread.
        let pause = interval + interval.mul_f64(fastrand::f64());
        loop {
            figures.refreshes.add(1);
            let begun = Instant::now();
            let plan = self.plan("v2/bindings", plan::apps).await;
            let took = match plan {
                Ok(plan) => {
                    self.take(Origin::Bound, plan);
                    begun.elapsed().as_secs_f64() * 1000.0
                }
                Err(error) => {
                    tracing::error!("failed to fetch bindings: {error}");
                    0.0
                }
            };
            figures.latency.set(took);
            sleep(pause).await;
        }
    }

    /// The drains of all apps.
    pub(super) async fn aggregate(mut self) {
        loop {
            match self.plan("v2/aggregate", plan::aggregate).await {
                Ok(plan) => self.take(Origin::Aggregate, plan),
                Err(error) => {
                    tracing::error!("failed to connect to cache for aggregate drains: {error}");
                }
            }
            sleep(self.interval.max(LEAST)).await;
        }
    }

    async fn plan(
        &mut self,
        path: &'static str,
        make: fn(&[Binding], &Rules) -> Plan,
    ) -> Result<Plan, FetchError> {
        let bindings = self.cache.fetch(path).await?;
        Ok(make(&bindings, &self.rules))
    }

    fn take(&mut self, origin: Origin, plan: Plan) {
        let Plan { drains, refused } = plan;
        tracing::debug!("{} drains are {}", drains.len(), origin.name());
        self.drains.set(origin, drains);
        if let Some(refusals) = &mut self.refusals {
            refusals.tell(&refused);
        }
    }
}

/// The peer's figures of refreshes (spec agents-and-drains §1.4).
pub(super) struct Figures {
    refreshes: Counter,
    latency: Gauge,
}

impl Figures {
    pub(super) fn register(registry: &Registry) -> Self {
        let help = "Times that the bindings were asked for.";
        let refreshes = registry.counter("binding_refresh_count", help, &[]);
        let help = "How long the last refresh took; 0 if it failed.";
        let name = "latency_for_last_binding_refresh";
        Self {
            refreshes,
            latency: registry.gauge(name, help, "ms", &[("unit", "ms")]),
        }
    }
}
