//! What a user may see, by Cloud Foundry's API (spec log-cache §5.5).

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use http::{HeaderValue, StatusCode, Uri};
use logweir_drain::names::is_guid;
use logweir_net::{http_client::HttpClient, tls::ClientTls};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::config::{LogCacheAuthProxyConfig, ProxyCapiConfig};
use crate::{
    auth::{
        AuthError,
        cache::{Grant, GrantCache},
        call,
        pages::{Asker, LARGEST, PER_PAGE},
    },
    metrics::{Gauge, Registry},
};

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
        let latency = |name, call| {
            let help = format!("Duration of the last call of CAPI {call}, in nanoseconds.");
            registry.gauge(name, &help, "nanoseconds", &[])
        };
        Ok(Self {
            client: call::client(certificates.clone(), name, LARGEST),
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
        let asker = self.asker(caller);
        for kind in ["apps", "service_instances"] {
            let answer = asker.page(&format!("/v3/{kind}/{source}"), None).await?;
            let status = answer.status();
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
        for (list, latency) in [("apps", &self.apps), ("service_instances", &self.services)] {
            let list = format!("/v3/{list}?{PER_PAGE}");
            let found = self.asker(caller).list(&list, latency).await?;
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
            let list = format!("/v3/apps?names={names}&{PER_PAGE}");
            for app in self.asker(caller).list(&list, &self.names).await? {
                guids.entry(app.name).or_default().push(app.guid);
            }
        }
        Ok(guids)
    }

    fn asker<'a>(&'a self, authorization: &'a HeaderValue) -> Asker<'a> {
        Asker {
            client: &self.client,
            base: &self.base,
            authorization,
        }
    }
}
