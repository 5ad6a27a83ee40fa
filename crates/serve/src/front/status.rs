//! `/healthz`, `/readyz` and `/metrics`.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use logweir_net::body::{self, Body};

use super::{
    answer::{method_not_allowed, plain},
    readiness::Readiness,
};
use crate::{
    auth::Authorizer,
    metrics::{self, Registry, Snapshot},
};

/// Who sees the metrics. They name source ids, so they are a tenant's business.
#[derive(Clone)]
pub enum MetricsAccess {
    /// Whoever reaches the door: on loopback, or past a client certificate.
    Open,
    /// Bearers of a credential that reads everything.
    Everything(Arc<Authorizer>),
    /// Nobody: the door is beyond loopback and no authorisation is configured.
    Closed,
}

impl MetricsAccess {
    /// The rule for a plain door.
    pub fn of_door(door: SocketAddr, authorizer: Option<Arc<Authorizer>>) -> Self {
        match authorizer {
            _ if door.ip().to_canonical().is_loopback() => MetricsAccess::Open,
            Some(authorizer) => MetricsAccess::Everything(authorizer),
            None => MetricsAccess::Closed,
        }
    }
}

/// The pages that say how a process does.
#[derive(Clone)]
pub struct StatusPages {
    /// Of the whole process.
    pub readiness: Readiness,
    /// Each role's metrics; an empty role name adds no label.
    pub registries: Vec<(&'static str, Registry)>,
    /// Who sees the metrics.
    pub access: MetricsAccess,
}

impl StatusPages {
    /// Answers if the path is one of these pages.
    pub(super) async fn answer(&self, request: &Parts) -> Option<Response<Body>> {
        let path = request.uri.path();
        if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
            return None;
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Some(method_not_allowed());
        }
        Some(match path {
            "/healthz" => plain(StatusCode::OK, "ok"),
            "/readyz" => self.ready(),
            _ => self.metrics(request).await,
        })
    }

    fn ready(&self) -> Response<Body> {
        let (reasons, remarks) = (self.readiness.reasons(), self.readiness.remarks());
        let ready = reasons.is_empty();
        if ready && remarks.is_empty() {
            return plain(StatusCode::OK, "ok");
        }
        let mut page = serde_json::json!({ "ready": ready });
        if !ready {
            page["reasons"] = serde_json::json!(reasons);
        }
        if !remarks.is_empty() {
            page["remarks"] = serde_json::json!(remarks);
        }
        let status = match ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = plain(status, page.to_string());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    /// Nothing if the metrics may be shown to whoever asks, or else what is answered.
    pub(super) async fn closed_to(&self, request: &Parts) -> Option<Response<Body>> {
        let allowed = match &self.access {
            MetricsAccess::Open => true,
            MetricsAccess::Everything(authorizer) => {
                let authorization = request.headers.get(header::AUTHORIZATION);
                authorizer.authorize(authorization, &[]).await.is_ok()
            }
            MetricsAccess::Closed => false,
        };
        if allowed {
            return None;
        }
        let mut response = plain(
            StatusCode::UNAUTHORIZED,
            "metrics beyond loopback need a token that reads everything\n",
        );
        let bearer = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, bearer);
        Some(response)
    }

    async fn metrics(&self, request: &Parts) -> Response<Body> {
        if let Some(refused) = self.closed_to(request).await {
            return refused;
        }
        let roles = self.registries.iter();
        let roles = roles.map(|(role, registry)| (*role, registry.snapshot()));
        let snapshots: Vec<_> = roles.chain([("", build_info())]).collect();
        let mut response = Response::new(body::full(metrics::text(&snapshots)));
        let text = HeaderValue::from_static(metrics::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    }
}

/// Which build this is, as a series whose value means nothing.
fn build_info() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    snapshot.gauge(
        "logweir_build_info",
        "The version that runs.",
        "",
        &version,
        1.0,
    );
    snapshot
}
