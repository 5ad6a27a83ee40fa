//! `/_metrics`: single figures as JSON, as Logplex has them on a door of its own (spec logplex
//! §6.2). What has labels is on `/metrics` alone.

use http::{HeaderValue, Response, StatusCode, header};
use logweir_net::body::{self, Body};
use serde_json::{Value as Json, json};

use super::answer::not_found;
use crate::metrics::{Registry, Value};

const ROOT: &str = "/_metrics";

/// The pages over one registry. Clones are the same.
#[derive(Clone)]
pub struct FigurePages(Registry);

impl FigurePages {
    /// Of what is in `registry`.
    pub fn new(registry: Registry) -> Self {
        Self(registry)
    }

    /// Whether a path is one of them.
    pub(super) fn takes(path: &str) -> bool {
        path.strip_prefix(ROOT)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The list of names, or one figure.
    pub(super) fn answer(&self, path: &str) -> Response<Body> {
        let snapshot = self.0.snapshot();
        let plain = |name: &str| snapshot.value(name, &[]);
        let name = path.strip_prefix(ROOT).unwrap_or_default();
        let page = match name.trim_start_matches('/') {
            "" => {
                let names = snapshot.families.keys();
                let names: Vec<_> = names.filter(|name| plain(name).is_some()).collect();
                json!(names)
            }
            name => match plain(name) {
                Some(Value::Count(count)) => json!({ "type": "counter", "value": count }),
                Some(Value::Level(level)) => json!({ "type": "gauge", "value": whole(level) }),
                None => return not_found(),
            },
        };
        let mut response = Response::new(body::full(page.to_string()));
        *response.status_mut() = StatusCode::OK;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Whole numbers are written as such.
fn whole(level: f64) -> Json {
    const EXACT: f64 = 9e15;
    match level.fract() == 0.0 && level.abs() < EXACT {
        true => format!("{level:.0}")
            .parse::<i64>()
            .map_or(Json::Null, Json::from),
        false => Json::from(level),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn page(pages: &FigurePages, path: &str) -> (StatusCode, String) {
        assert!(FigurePages::takes(path));
        let response = pages.answer(path);
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn names_are_listed_and_each_has_a_page() {
        let registry = Registry::new();
        registry.counter("message.received", "", &[]).add(1396);
        registry
            .gauge("logplex.http.tokens.latency.ms", "", "", &[])
            .set(2.5);
        registry.gauge("open", "", "", &[]).set(3.0);
        registry.counter("by_label", "", &[("a", "b")]).add(1);
        let pages = FigurePages::new(registry);
        let (status, names) = page(&pages, "/_metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            names,
            r#"["logplex.http.tokens.latency.ms","message.received","open"]"#
        );
        for (path, text) in [
            (
                "/_metrics/message.received",
                r#"{"type":"counter","value":1396}"#,
            ),
            ("/_metrics/open", r#"{"type":"gauge","value":3}"#),
            (
                "/_metrics/logplex.http.tokens.latency.ms",
                r#"{"type":"gauge","value":2.5}"#,
            ),
        ] {
            assert_eq!(page(&pages, path).await, (StatusCode::OK, text.into()));
        }
        let (status, _) = page(&pages, "/_metrics/by_label").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(!FigurePages::takes("/_metricsx"));
    }
}
