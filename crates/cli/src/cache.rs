//! Questions to a log cache over HTTP.

use std::time::Duration;

use clap::Args;
use http::{HeaderValue, Request, StatusCode, header};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings},
    tls::{Alpn, ClientTls, Verify},
};
use serde_json::Value;

use crate::{
    exit::Failure,
    locate::{Connection, Door},
};

/// A search may have to look at much.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer, in bytes: a thousand lines of the largest size, as base64.
const LARGEST: usize = 128 << 20;

/// Where a log cache is, and who asks.
#[derive(Args, Debug)]
pub struct Where {
    /// Where to ask: a log cache's address
    #[arg(long, env = "LOGWEIR_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Who may read: sent as it is, after `bearer` if it has no scheme
    #[arg(
        long,
        env = "LOGWEIR_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

/// A log cache that is asked again and again.
pub(crate) struct LogCache {
    client: HttpClient,
    base: String,
    authorization: Option<HeaderValue>,
}

impl LogCache {
    pub(crate) fn new(place: &Where) -> Result<Self, Failure> {
        let base = match &place.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", place.connection.address(Door::Http)?),
        };
        let tls = match base.starts_with("https:") {
            false => None,
            true => {
                let ca = place.connection.ca.as_deref();
                let verify = match ca {
                    Some(_) => Verify::Ca,
                    None => Verify::SystemRoots,
                };
                let tls = ClientTls::load(ca, None, verify, &[], Alpn::HttpAll);
                Some(tls.map_err(Failure::new)?)
            }
        };
        let settings = HttpClientSettings {
            total_timeout: PATIENCE,
            max_body: LARGEST,
            ..HttpClientSettings::default()
        };
        Ok(Self {
            client: HttpClient::new(tls, None, settings),
            base,
            authorization: place.token.as_deref().map(authorization).transpose()?,
        })
    }

    /// The JSON of a page below `/api/v1/`. A refusal is told in the server's words.
    pub(crate) async fn get(&self, page: &str) -> Result<Value, Failure> {
        let answer = self.client.send(self.request(page)?).await;
        let answer = answer.map_err(|error| {
            Failure::unavailable(format!(
                "{error}; is it running? start one with `logweir run`, or give --url"
            ))
        })?;
        let json: Option<Value> = serde_json::from_slice(answer.body()).ok();
        match (answer.status(), json) {
            (StatusCode::OK, Some(json)) => Ok(json),
            (StatusCode::OK, None) => Err(Failure::new("the server's answer is no JSON")),
            (StatusCode::UNAUTHORIZED, _) => {
                Err(Failure::new("the server wants a token: give --token"))
            }
            (StatusCode::NOT_FOUND, _) => Err(Failure::new(
                "the server shows nothing of this, or not to this token",
            )),
            (status, json) => {
                let told = json.as_ref().and_then(|json| json["message"].as_str());
                let told = told.map(str::to_owned);
                let status = || format!("the server answers {status}");
                Err(Failure::new(told.unwrap_or_else(status)))
            }
        }
    }

    fn request(&self, page: &str) -> Result<Request<body::Body>, Failure> {
        let base = &self.base;
        let mut request = Request::get(format!("{base}/api/v1/{page}"));
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let wrong = |_| Failure::new(format!("`{base}` is no address: write https://HOST:PORT"));
        request.body(body::empty()).map_err(wrong)
    }
}

fn authorization(token: &str) -> Result<HeaderValue, Failure> {
    let token = match token.contains(' ') {
        true => token.to_owned(),
        false => format!("bearer {token}"),
    };
    let mut value = HeaderValue::try_from(token)
        .map_err(|_| Failure::new("the token has bytes that no header can hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Text as one segment of a path or one value of a query: everything but RFC 3986's
/// unreserved characters is escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_a_scheme_gets_one() {
        for (given, sent) in [("abc", "bearer abc"), ("Bearer abc", "Bearer abc")] {
            let Ok(value) = authorization(given) else {
                panic!("refused")
            };
            assert_eq!(value, sent);
            assert!(value.is_sensitive());
        }
        assert!(authorization("a\nb").is_err());
    }

    #[test]
    fn ids_and_expressions_are_escaped() {
        assert_eq!(escaped("a b/ü?&=+"), "a%20b%2F%C3%BC%3F%26%3D%2B");
    }
}
