//! `/v2/info` and `/`, for installations without a cloud controller (spec
//! loggregator-v1 §4.1).

use http::{HeaderValue, Method, Response, header, request::Parts};
use logweir_net::body::{self, Body};
use serde_json::json;

use crate::front::answer::method_not_allowed;

/// What clients are told of this installation.
#[derive(Clone, Debug)]
pub struct Info {
    /// Whether the door speaks TLS itself.
    pub tls: bool,
    /// Where tokens are had; empty if nowhere.
    pub token_endpoint: String,
}

impl Info {
    /// Answers `/v2/info` and `/`.
    pub(super) fn answer(&self, request: &Parts) -> Option<Response<Body>> {
        let page = match request.uri.path() {
            "/v2/info" => self.v2(&self.endpoint(request)),
            "/" => self.root(&self.endpoint(request)),
            _ => return None,
        };
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Some(method_not_allowed());
        }
        let mut response = Response::new(body::full(page.to_string()));
        let json = HeaderValue::from_static("application/json;charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        Some(response)
    }

    fn v2(&self, endpoint: &str) -> serde_json::Value {
        json!({
            "name": "logweir",
            "version": 0,
            "authorization_endpoint": self.token_endpoint,
            "token_endpoint": self.token_endpoint,
            "logging_endpoint": endpoint,
            "doppler_logging_endpoint": endpoint,
        })
    }

    fn root(&self, endpoint: &str) -> serde_json::Value {
        let mut links = json!({ "logging": { "href": endpoint } });
        if !self.token_endpoint.is_empty() {
            links["uaa"] = json!({ "href": self.token_endpoint });
            links["login"] = json!({ "href": self.token_endpoint });
        }
        json!({ "links": links })
    }

    /// This endpoint as the client knows it. A proxy before the door says in a header
    /// whether it speaks TLS.
    fn endpoint(&self, request: &Parts) -> String {
        let header = |name| request.headers.get(name)?.to_str().ok();
        let host = header(header::HOST.as_str())
            .or_else(|| Some(request.uri.authority()?.as_str()))
            .unwrap_or("localhost");
        let https = header("x-forwarded-proto").is_some_and(|proto| proto == "https");
        let scheme = if self.tls || https { "wss" } else { "ws" };
        // Some clients do not add a scheme's own port.
        let named = host.rsplit_once(':').is_some_and(|(before, port)| {
            !before.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        match (named, scheme) {
            (true, _) => format!("{scheme}://{host}"),
            (false, "wss") => format!("wss://{host}:443"),
            (false, _) => format!("ws://{host}:80"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt;

    use super::Info;

    async fn page(info: &Info, path: &str, headers: &[(&str, &str)]) -> serde_json::Value {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let response = info.answer(&parts).unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn both_pages_name_the_endpoint_as_the_client_reached_it() {
        let mut info = Info {
            tls: true,
            token_endpoint: "https://uaa.example".into(),
        };
        let doppler = ("host", "doppler.example:8081");
        let v2 = page(&info, "/v2/info", &[doppler]).await;
        assert_eq!(v2["doppler_logging_endpoint"], "wss://doppler.example:8081");
        assert_eq!(v2["token_endpoint"], "https://uaa.example");
        let root = page(&info, "/", &[("host", "doppler.example")]).await;
        let href = &root["links"]["logging"]["href"];
        assert_eq!(href, "wss://doppler.example:443");
        info.tls = false;
        let v2 = page(&info, "/v2/info", &[("host", "[::1]:80")]).await;
        assert_eq!(v2["doppler_logging_endpoint"], "ws://[::1]:80");
        let behind = [("host", "[::1]"), ("x-forwarded-proto", "https")];
        let v2 = page(&info, "/v2/info", &behind).await;
        assert_eq!(v2["doppler_logging_endpoint"], "wss://[::1]:443");
    }

    #[test]
    fn other_paths_are_not_its_business() {
        let info = Info {
            tls: true,
            token_endpoint: String::new(),
        };
        let (parts, ()) = http::Request::get("/v2").body(()).unwrap().into_parts();
        assert!(info.answer(&parts).is_none());
    }
}
