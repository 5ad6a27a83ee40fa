//! Cloud Foundry's API.

use std::collections::BTreeSet;

use http::{HeaderValue, StatusCode, Uri};
use logweir_net::{http_client::HttpClient, tls::ClientTls};

use super::{
    AuthError, CapiConfig, Denial,
    call::{self, Latencies},
    pages::{Asker, LARGEST, PER_PAGE},
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
        let asker = self.asker(&self.external, authorization);
        let mut guids = BTreeSet::new();
        for (list, latency) in [
            ("apps", &self.apps),
            ("service_instances", &self.list_service_instances),
        ] {
            let list = format!("/v3/{list}?{PER_PAGE}");
            let found = asker.list(&list, latency).await.map_err(failed)?;
            guids.extend(found.into_iter().map(|one| one.guid));
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
        let asker = self.asker(base, authorization);
        let page = asker.page(path, Some(latency)).await.map_err(failed)?;
        Ok(page.status())
    }

    fn asker<'a>(&'a self, base: &'a Uri, authorization: &'a HeaderValue) -> Asker<'a> {
        Asker {
            client: &self.client,
            base,
            authorization,
        }
    }
}

fn failed(error: String) -> Denial {
    tracing::warn!(
        error,
        "the cloud controller cannot be asked; readers are denied"
    );
    Denial::CapiFailed
}
