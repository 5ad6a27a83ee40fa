//! Cloud Foundry's token server.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use logweir_net::{body, http_client::HttpClient, tls::ClientTls};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{
    AuthError, Denial, UaaConfig,
    call::{self, Latencies},
};
use crate::metrics::Gauge;

/// Scopes that read everything.
const ADMIN_SCOPES: [&str; 2] = ["doppler.firehose", "logs.admin"];

/// Asks whether a token reads everything.
pub(super) struct Uaa {
    client: HttpClient,
    certificates: Option<ClientTls>,
    check_token: Uri,
    credentials: HeaderValue,
    latency: Gauge,
}

#[derive(Deserialize)]
struct CheckedToken {
    scope: Option<Vec<String>>,
}

impl Uaa {
    pub(super) fn new(config: &UaaConfig, latencies: &Latencies) -> Result<Self, AuthError> {
        let setting = |key, reason: &str| AuthError::Setting {
            key,
            reason: reason.to_owned(),
        };
        let base = call::base("uaa.url", &config.url)?;
        let certificates =
            call::certificates("uaa.ca", &[&base], &config.ca, None, config.skip_verify)?;
        let pair = format!("{}:{}", config.client_id, config.client_secret);
        let mut credentials = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| setting("uaa.client_id", "fits in no header"))?;
        credentials.set_sensitive(true);
        Ok(Self {
            client: call::client(certificates.clone(), None, 1 << 20),
            certificates,
            // Only scheme and host of the address count; its path is replaced.
            check_token: call::with_path(&base, "/check_token")
                .ok_or_else(|| setting("uaa.url", "takes no path"))?,
            credentials,
            latency: latencies.uaa.clone(),
        })
    }

    pub(super) fn certificates(&self) -> Option<ClientTls> {
        self.certificates.clone()
    }

    /// Whether the token has one of the scopes that read everything. An answer that
    /// is not 200 but JSON says no more than that it is no administrator's: CAPI may
    /// still know it.
    pub(super) async fn is_admin(&self, token: &str) -> Result<bool, Denial> {
        let response = self.check(token).await?;
        let has_scope = has_admin_scope(&response)?;
        Ok(response.status() == StatusCode::OK && has_scope)
    }

    /// The same for V1, whose clients are told when the server fails: an answer below
    /// 500 that is not 200 means no, whatever it contains.
    pub(super) async fn knows_admin(&self, token: &str) -> Result<bool, Denial> {
        let response = self.check(token).await?;
        match response.status() {
            StatusCode::OK => has_admin_scope(&response),
            status if status.is_client_error() => Ok(false),
            status => {
                let status = status.as_u16();
                tracing::warn!(status, "the token server fails; readers are denied");
                Err(Denial::UaaFailed)
            }
        }
    }

    async fn check(&self, token: &str) -> Result<Response<Bytes>, Denial> {
        let form = format!("token={}", utf8_percent_encode(token, NON_ALPHANUMERIC));
        let mut request = Request::new(body::full(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.check_token.clone();
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.credentials.clone());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        call::send(&self.client, request, &self.latency)
            .await
            .map_err(|error| {
                tracing::warn!(
                    error,
                    "the token server cannot be asked; readers are denied"
                );
                Denial::UaaFailed
            })
    }
}

fn has_admin_scope(response: &Response<Bytes>) -> Result<bool, Denial> {
    let checked: CheckedToken = serde_json::from_slice(response.body()).map_err(|_| {
        let status = response.status().as_u16();
        tracing::warn!(
            status,
            "the token server's answer is no JSON; readers are denied"
        );
        Denial::UaaFailed
    })?;
    let scopes = checked.scope.unwrap_or_default();
    Ok(scopes
        .iter()
        .any(|scope| ADMIN_SCOPES.contains(&scope.as_str())))
}
