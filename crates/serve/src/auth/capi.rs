//! Cloud Foundry's API.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use logweir_net::{body, http_client::HttpClient, tls::ClientTls};
use serde::Deserialize;

use super::{
    AuthError, CapiConfig, Denial,
    call::{self, Latencies},
};
use crate::metrics::Gauge;

/// Asks whether a token reads an app or a service instance.
pub(super) struct Capi {
    client: HttpClient,
    certificates: Option<ClientTls>,
    internal: Uri,
    external: Uri,
    log_access: Gauge,
    service_instances: Gauge,
    apps: Gauge,
    list_service_instances: Gauge,
}

/// Entries of one page of a list: as many as the API gives.
const PER_PAGE: &str = "?per_page=5000";
/// Largest answer, in bytes: such a page.
const LARGEST: usize = 32 << 20;
/// Most pages of a list.
const PAGES: usize = 100;

/// A page of a list.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    pagination: Pagination,
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
}

impl Capi {
    pub(super) fn new(config: &CapiConfig, latencies: &Latencies) -> Result<Self, AuthError> {
        let internal = call::base("capi.url", &config.url)?;
        let external = call::base("capi.external_url", &config.external_url)?;
        let files = &config.tls;
        let servers = [&internal, &external];
        let certificates = call::certificates(
            "capi.tls",
            &servers,
            &files.ca,
            Some(files),
            config.skip_verify,
        )?;
        let name = (!config.server_name.is_empty()).then(|| config.server_name.clone());
        Ok(Self {
            client: call::client(certificates.clone(), name, LARGEST),
            certificates,
            internal,
            external,
            log_access: latencies.log_access.clone(),
            service_instances: latencies.service_instances.clone(),
            apps: latencies.apps.clone(),
            list_service_instances: latencies.list_service_instances.clone(),
        })
    }

    pub(super) fn certificates(&self) -> Option<ClientTls> {
        self.certificates.clone()
    }

    /// Whether the caller reads the app, or else the service instance, of this guid.
    /// `authorization` is the caller's own header; `guid` was checked, so it needs no
    /// escapes.
    pub(super) async fn may_read(
        &self,
        authorization: &HeaderValue,
        guid: &str,
    ) -> Result<bool, Denial> {
        if self.log_access(authorization, guid).await? == StatusCode::OK {
            return Ok(true);
        }
        let instance = format!("/v3/service_instances/{guid}");
        let status = self
            .ask(
                &self.external,
                &instance,
                authorization,
                &self.service_instances,
            )
            .await?;
        Ok(status == StatusCode::OK)
    }

    /// What the API says of the caller's access to the logs of the app of this guid.
    pub(super) async fn log_access(
        &self,
        authorization: &HeaderValue,
        guid: &str,
    ) -> Result<StatusCode, Denial> {
        let app = format!("/internal/v4/log_access/{guid}");
        self.ask(&self.internal, &app, authorization, &self.log_access)
            .await
    }

    /// The guids of all apps and service instances that the caller reads.
    pub(super) async fn readable(
        &self,
        authorization: &HeaderValue,
    ) -> Result<BTreeSet<String>, Denial> {
        let mut guids = BTreeSet::new();
        for (list, latency) in [
            ("/v3/apps", &self.apps),
            ("/v3/service_instances", &self.list_service_instances),
        ] {
            let mut path = format!("{list}{PER_PAGE}");
            for _ in 0..PAGES {
                let page = self.fetch(&self.external, &path, authorization, latency);
                let page = page.await?;
                let page: Listed = match page.status() {
                    StatusCode::OK => serde_json::from_slice(page.body()).ok(),
                    _ => None,
                }
                .ok_or(Denial::CapiFailed)?;
                guids.extend(page.resources.into_iter().map(|one| one.guid));
                let Some(next) = page.pagination.next else {
                    break;
                };
                // Its host may be one that is not reached from here.
                let next: Uri = next.href.parse().map_err(|_| Denial::CapiFailed)?;
                let next = next.path_and_query().ok_or(Denial::CapiFailed)?;
                path = next.as_str().to_owned();
            }
        }
        Ok(guids)
    }

    async fn ask(
        &self,
        base: &Uri,
        path: &str,
        authorization: &HeaderValue,
        latency: &Gauge,
    ) -> Result<StatusCode, Denial> {
        let response = self.fetch(base, path, authorization, latency).await?;
        Ok(response.status())
    }

    async fn fetch(
        &self,
        base: &Uri,
        path: &str,
        authorization: &HeaderValue,
        latency: &Gauge,
    ) -> Result<Response<Bytes>, Denial> {
        let mut request = Request::new(body::empty());
        let path = format!("{}{path}", base.path().trim_end_matches('/'));
        *request.uri_mut() = call::with_path(base, &path).ok_or(Denial::CapiFailed)?;
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization.clone());
        call::send(&self.client, request, latency)
            .await
            .map_err(|error| {
                tracing::warn!(
                    error,
                    "the cloud controller cannot be asked; readers are denied"
                );
                Denial::CapiFailed
            })
    }
}
