//! Requests to the gateway.

use std::{net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use logweir_net::{
    body::{self, Body},
    http_client::{HttpClient, HttpClientSettings},
    tls::ClientTls,
};

use crate::auth::{AuthError, call};

/// Largest answer that is read here: what is known of a great many sources.
const ANSWER_BYTES: usize = 256 << 20;

/// The gateway.
pub(super) struct Onward {
    client: HttpClient,
    certificates: Option<ClientTls>,
    base: Uri,
}

impl Onward {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// An address or certificate that cannot be used.
    pub(super) fn new(gateway: &str, ca: &Path) -> Result<Self, AuthError> {
        let base = call::base("gateway", gateway)?;
        let certificates = call::certificates("gateway_ca", &[&base], ca, None, false)?;
        let settings = HttpClientSettings {
            connect_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(60),
            max_body: ANSWER_BYTES,
        };
        Ok(Self {
            client: HttpClient::new(certificates.clone(), None, settings),
            certificates,
            base,
        })
    }

    /// The certificates towards the gateway, to be watched for changes.
    pub(super) fn certificates(&self) -> Option<ClientTls> {
        self.certificates.clone()
    }

    /// Hands a request on and its answer back. `target` is the path and query; without, it
    /// is that of the request. A gateway that cannot be reached is a 502 without a body.
    pub(super) async fn pass(
        &self,
        request: Request<Body>,
        target: Option<&str>,
        from: Option<SocketAddr>,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let own = parts.uri.path_and_query().map_or("/", |own| own.as_str());
        let Some(url) = call::with_path(&self.base, target.unwrap_or(own)) else {
            return bad_gateway();
        };
        parts.uri = url;
        parts.version = http::Version::HTTP_11;
        without_hop(&mut parts.headers);
        // The client writes the name of the gateway.
        parts.headers.remove(header::HOST);
        if let Some(from) = from {
            forwarded_for(&mut parts.headers, from);
        }
        match self.client.open(Request::from_parts(parts, body)).await {
            Ok(mut answer) => {
                without_hop(answer.headers_mut());
                *answer.version_mut() = http::Version::default();
                answer
            }
            Err(error) => {
                tracing::warn!("the log cache's gateway cannot be asked: {error}");
                bad_gateway()
            }
        }
    }

    /// Asks for a page and reads all of it. None if that failed.
    pub(super) async fn get(&self, path: &str, headers: HeaderMap) -> Option<Response<Bytes>> {
        let mut request = Request::new(body::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = call::with_path(&self.base, path)?;
        *request.headers_mut() = headers;
        match self.client.send(request).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!("the log cache's gateway cannot be asked: {error}");
                None
            }
        }
    }
}

/// The gateway did not answer.
pub(super) fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

/// Takes away what is about this connection alone (RFC 9110 §7.6.1).
fn without_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let hop = [
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in named.iter().chain(&hop) {
        headers.remove(name);
    }
}

fn forwarded_for(headers: &mut HeaderMap, from: SocketAddr) {
    let name = HeaderName::from_static("x-forwarded-for");
    let known = headers.get_all(&name).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    let address = from.ip().to_canonical().to_string();
    let all: Vec<&str> = known.chain([address.as_str()]).collect();
    if let Ok(value) = HeaderValue::try_from(all.join(", ")) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_connection_stay_with_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Odd"),
            ("x-odd", "1"),
            ("transfer-encoding", "chunked"),
            ("authorization", "t"),
            ("x-forwarded-for", "1.2.3.4"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        without_hop(&mut headers);
        forwarded_for(&mut headers, ([192, 0, 2, 1], 5).into());
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["authorization"], "t");
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4, 192.0.2.1");
    }
}
