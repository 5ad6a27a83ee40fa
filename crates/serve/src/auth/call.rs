//! Calls to UAA and CAPI.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::PathAndQuery};
use logweir_net::{
    body::Body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use tokio::time::Instant;

use super::AuthError;
use crate::{
    metrics::{Gauge, Registry},
    settings::TlsFiles,
};

/// Reads the address of a server: `http` or `https`, and a host.
pub(crate) fn base(key: &'static str, url: &str) -> Result<Uri, AuthError> {
    let wrong = || AuthError::Setting {
        key,
        reason: format!("`{url}` is no address; write it as https://HOST:PORT"),
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(wrong())
    }
}

/// The same server with another path. `None` if `path` cannot stand in a URL.
pub(crate) fn with_path(base: &Uri, path: &str) -> Option<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

/// Certificates for these servers: `ca` (empty: the system's authorities) and, where
/// they ask for one, an identity. `None` if all of them are plain HTTP.
pub(crate) fn certificates(
    key: &'static str,
    servers: &[&Uri],
    ca: &Path,
    identity: Option<&TlsFiles>,
    skip_verify: bool,
) -> Result<Option<ClientTls>, AuthError> {
    if !servers
        .iter()
        .any(|server| server.scheme_str() == Some("https"))
    {
        return Ok(None);
    }
    let given = |path: &Path| !path.as_os_str().is_empty();
    let (ca, verify) = match (skip_verify, given(ca)) {
        (true, _) => (None, Verify::None),
        (false, true) => (Some(ca), Verify::Ca),
        (false, false) => (None, Verify::SystemRoots),
    };
    let identity = identity
        .filter(|files| given(&files.cert) && given(&files.key))
        .map(|files| (files.cert.as_path(), files.key.as_path()));
    ClientTls::load(ca, identity, verify, &[], Alpn::HttpAll)
        .map(Some)
        .map_err(|source| AuthError::Tls {
            key,
            source: Box::new(source),
        })
}

/// A client with the peers' patience: 10 s for a connection, 20 s for an answer of at
/// most so many bytes.
pub(crate) fn client(
    certificates: Option<ClientTls>,
    server_name: Option<String>,
    max_body: usize,
) -> HttpClient {
    let settings = HttpClientSettings {
        connect_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(20),
        max_body,
    };
    HttpClient::new(certificates, server_name, settings)
}

/// Durations of the last calls, in nanoseconds, under the peers' names (spec 7.8).
pub(crate) struct Latencies {
    pub(crate) uaa: Gauge,
    pub(crate) log_access: Gauge,
    pub(crate) service_instances: Gauge,
    pub(crate) apps: Gauge,
    pub(crate) list_service_instances: Gauge,
}

impl Latencies {
    pub(crate) fn register(registry: &Registry) -> Self {
        let gauge = |name, call| {
            let help = format!("Duration of the last call of {call}, in nanoseconds.");
            registry.gauge(name, &help, "nanoseconds", &[])
        };
        Self {
            apps: gauge("LastCAPIV3AppsLatency", "CAPI /v3/apps"),
            list_service_instances: gauge(
                "LastCAPIV2ListServiceInstancesLatency",
                "CAPI /v3/service_instances as a list",
            ),
            uaa: gauge("LastUAALatency", "UAA /check_token"),
            log_access: gauge("LastCAPIV4LogAccessLatency", "CAPI /internal/v4/log_access"),
            service_instances: gauge(
                "LastCAPIV2ServiceInstancesLatency",
                "CAPI /v3/service_instances",
            ),
        }
    }
}

/// Sends a request and measures it, whether it succeeds or not.
pub(crate) async fn send(
    client: &HttpClient,
    request: Request<Body>,
    latency: &Gauge,
) -> Result<Response<Bytes>, String> {
    let start = Instant::now();
    let response = client.send(request).await;
    latency.set(start.elapsed().as_nanos() as f64);
    response.map_err(|error| error.to_string())
}
