//! What a user may see, by Cloud Foundry's API (spec log-cache §5.5).

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use logweir_drain::names::is_guid;
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::ClientTls,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::Instant;

use super::config::{LogCacheAuthProxyConfig, ProxyCapiConfig};
use crate::{
    auth::{
        AuthError,
        cache::{Grant, GrantCache},
        call,
    },
    metrics::{Gauge, Registry},
};

/// A page holds up to 5,000 entries of some kilobytes.
const ANSWER_BYTES: usize = 64 << 20;

/// More pages than any installation has.
const PAGES: usize = 1000;

/// Why the API did not say.
pub(super) type CapiError = String;

/// The API.
pub(super) struct Capi {
    client: HttpClient,
    certificates: Option<ClientTls>,
    base: Uri,
    cache: GrantCache,
    apps: Gauge,
    services: Gauge,
    names: Gauge,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    pagination: Pagination,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Default, Deserialize)]
struct Pagination {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

#[derive(Deserialize)]
struct Resource {
    guid: String,
    #[serde(default)]
    name: String,
}

impl Capi {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// An address or certificate that cannot be used.
    pub(super) fn new(
        config: &LogCacheAuthProxyConfig,
        registry: &Registry,
    ) -> Result<Self, AuthError> {
        let ProxyCapiConfig {
            url,
            ca,
            server_name,
            skip_verify,
        } = &config.capi;
        let base = call::base("capi.url", url)?;
        // As at the peer, both count only where an authority is named.
        let named = ca != Path::new("");
        let skip = *skip_verify && named;
        let certificates = call::certificates("capi.ca", &[&base], ca, None, skip)?;
        let name = (named && !server_name.is_empty()).then(|| server_name.clone());
        let settings = HttpClientSettings {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(20),
            max_body: ANSWER_BYTES,
        };
        let latency = |name, call| {
            let help = format!("Duration of the last call of CAPI {call}, in nanoseconds.");
            registry.gauge(name, &help, "nanoseconds", &[])
        };
        Ok(Self {
            client: HttpClient::new(certificates.clone(), name, settings),
            certificates,
            base,
            cache: GrantCache::new(config.cache_ttl, config.cache_entries),
            apps: latency("cf_auth_proxy_last_capiv3_apps_latency", "/v3/apps"),
            services: latency(
                "cf_auth_proxy_last_capiv3_list_service_instances_latency",
                "/v3/service_instances as a list",
            ),
            names: latency(
                "cf_auth_proxy_last_capiv3_apps_by_name_latency",
                "/v3/apps by name",
            ),
        })
    }

    /// The certificates towards the API, to be watched for changes.
    pub(super) fn certificates(&self) -> Option<ClientTls> {
        self.certificates.clone()
    }

    /// Whether the caller sees the app, or else the service instance, of this id. Only a
    /// guid can be one, and nothing else is asked for.
    ///
    /// # Errors
    /// The API did not answer, or failed.
    pub(super) async fn may_read(
        &self,
        caller: &HeaderValue,
        token: &str,
        source: &str,
    ) -> Result<bool, CapiError> {
        if !is_guid(source) {
            return Ok(false);
        }
        let grant = Grant::source(token, source);
        if self.cache.holds(grant) {
            return Ok(true);
        }
        for kind in ["apps", "service_instances"] {
            let (status, _) = self.ask(&format!("/v3/{kind}/{source}"), caller).await?;
            if status == StatusCode::OK {
                self.cache.remember(grant);
                return Ok(true);
            }
            if status.is_server_error() {
                return Err(format!("the cloud controller answered {status}"));
            }
        }
        Ok(false)
    }

    /// Every app and service instance that the caller sees.
    ///
    /// # Errors
    /// The API did not answer all of it.
    pub(super) async fn visible(
        &self,
        caller: &HeaderValue,
    ) -> Result<BTreeSet<String>, CapiError> {
        let mut all = BTreeSet::new();
        for (list, latency) in [
            ("/v3/apps?per_page=5000", &self.apps),
            ("/v3/service_instances?per_page=5000", &self.services),
        ] {
            let found = self.list(list, caller, latency).await?;
            all.extend(found.into_iter().map(|found| found.guid));
        }
        Ok(all)
    }

    /// The guids of the apps of these names that the caller sees, in the API's order.
    ///
    /// # Errors
    /// The API did not answer all of it.
    pub(super) async fn named(
        &self,
        names: &[&str],
        caller: &HeaderValue,
    ) -> Result<HashMap<String, Vec<String>>, CapiError> {
        // The API would take a name with a comma for two.
        let names: Vec<_> = names.iter().filter(|name| !name.contains(',')).collect();
        let mut guids: HashMap<String, Vec<String>> = HashMap::new();
        // Within what servers take as a request line.
        for names in names.chunks(50) {
            let names: Vec<&str> = names.iter().map(|name| **name).collect();
            let names = names.join(",");
            let names = utf8_percent_encode(&names, NON_ALPHANUMERIC);
            let list = format!("/v3/apps?names={names}&per_page=5000");
            for app in self.list(&list, caller, &self.names).await? {
                guids.entry(app.name).or_default().push(app.guid);
            }
        }
        Ok(guids)
    }

    async fn list(
        &self,
        first: &str,
        caller: &HeaderValue,
        latency: &Gauge,
    ) -> Result<Vec<Resource>, CapiError> {
        let mut all = Vec::new();
        let mut path = first.to_owned();
        for _ in 0..PAGES {
            let start = Instant::now();
            let answer = self.ask(&path, caller).await;
            latency.set(start.elapsed().as_nanos() as f64);
            let (status, body) = answer?;
            if status != StatusCode::OK {
                return Err(format!("the cloud controller answered {status}"));
            }
            let page: Page = serde_json::from_slice(&body)
                .map_err(|error| format!("the cloud controller's list cannot be read: {error}"))?;
            all.extend(page.resources);
            let Some(next) = page.pagination.next else {
                return Ok(all);
            };
            // The same server, whatever it calls itself.
            let next: Uri = next
                .href
                .parse()
                .map_err(|error| format!("the cloud controller's next page: {error}"))?;
            path = next
                .path_and_query()
                .map_or("/", |next| next.as_str())
                .to_owned();
        }
        Err(format!("the cloud controller has more than {PAGES} pages"))
    }

    async fn ask(&self, path: &str, caller: &HeaderValue) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::new(body::empty());
        let url = call::with_path(&self.base, path);
        *request.uri_mut() = url.ok_or_else(|| format!("{path:?} is no path"))?;
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, caller.clone());
        let answer = self.client.send(request).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        Ok((head.status, body))
    }
}
