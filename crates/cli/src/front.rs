//! The HTTP doors of a running system: where they are, who asks, and what they answer.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use http::{HeaderValue, Method, Request, StatusCode, header};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings, HttpError},
    tls::{Alpn, ClientTls, Verify},
};
use serde_json::Value;

use crate::{
    exit::Failure,
    locate::{Connection, Door},
};

/// A search may have to look at much, and a trial of a drain may take its time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer, in bytes: a thousand lines of the largest size, as base64.
const LARGEST: usize = 128 << 20;

/// Where to ask, and who asks.
#[derive(Args, Debug)]
pub struct Where {
    /// Where to ask: the HTTP door of `logweir run`, or a log cache's address
    #[arg(long, env = "LOGWEIR_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Who asks: sent as it is, after `bearer` if it has no scheme
    #[arg(
        long,
        env = "LOGWEIR_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// Who asks Logplex: a credential as `logweir cred create` makes them
    #[arg(
        long,
        env = "LOGWEIR_CRED",
        value_name = "ID:PASSWORD",
        conflicts_with = "token",
        hide_env_values = true
    )]
    pub cred: Option<String>,
    /// How to find the running system.
    #[command(flatten)]
    pub connection: Connection,
}

/// A door that is asked again and again.
pub(crate) struct Front {
    client: HttpClient,
    base: String,
    authorization: Option<HeaderValue>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `None` if it was no JSON.
    json: Option<Value>,
    /// What it was instead.
    text: String,
}

/// Longest text of an answer that is shown as it is, in bytes.
const SHOWN: usize = 200;

impl Front {
    pub(crate) fn new(place: &Where) -> Result<Self, Failure> {
        let base = match &place.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", place.connection.address(Door::Http)?),
        };
        let (base, user) = without_user(base);
        let basic = place.cred.clone().or(user).as_deref().map(basic);
        let token = place.token.as_deref().map(authorization);
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
            authorization: token.or(basic).transpose()?,
        })
    }

    /// Asks for a page. `path` begins with a slash; its parts are escaped.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let request = self.request(method, path, body)?;
        let answer = self.client.send(request).await.map_err(unavailable)?;
        Ok(Answer {
            status: answer.status(),
            json: serde_json::from_slice(answer.body()).ok(),
            text: String::from_utf8_lossy(answer.body()).into_owned(),
        })
    }

    /// Asks for a page whose body is read as it comes; a refusal is told.
    pub(crate) async fn open(&self, path: &str) -> Result<body::Body, Failure> {
        let request = self.request(Method::GET, path, None)?;
        let answer = self.client.open(request).await.map_err(unavailable)?;
        match answer.status() {
            status if status.is_success() => Ok(answer.into_body()),
            status => Err(Failure::new(format!("the server answers {status}"))),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<body::Body>, Failure> {
        let base = &self.base;
        // Changes without a body say it too: no page in a browser can make one unasked.
        let changes = method != Method::GET;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"));
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if changes {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(body::empty, |json| body::full(json.to_string()));
        let wrong = |_| Failure::new(format!("`{base}` is no address: write https://HOST:PORT"));
        request.body(body).map_err(wrong)
    }
}

fn unavailable(error: HttpError) -> Failure {
    Failure::unavailable(format!(
        "{error}; is it running? start one with `logweir run`, or give --url"
    ))
}

impl Answer {
    /// The JSON of a good answer. A refusal is told in the server's words, which are in one
    /// of these fields, or a short text.
    pub(crate) fn json(self, words: &[&str]) -> Result<Value, Failure> {
        let status = self.status;
        match self.json {
            Some(json) if status.is_success() => Ok(json),
            None if status.is_success() => Err(Failure::new("the server's answer is no JSON")),
            json => {
                let text = self.text.trim();
                let plain =
                    !text.is_empty() && text.len() <= SHOWN && !text.starts_with(['<', '{']);
                let told = words
                    .iter()
                    .find_map(|field| json.as_ref()?[*field].as_str());
                let told = told.or(plain.then_some(text)).map(str::to_owned);
                let status = || format!("the server answers {status}");
                Err(Failure::new(told.unwrap_or_else(status)))
            }
        }
    }

    /// The same where success says nothing.
    pub(crate) fn done(self, words: &[&str]) -> Result<(), Failure> {
        match self.status.is_success() {
            true => Ok(()),
            false => self.json(words).map(|_| ()),
        }
    }
}

/// A URL without its user and password, and both of them as a credential.
fn without_user(url: String) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url, None);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return (url, None);
    };
    let user = unescaped(&rest[..at]);
    (format!("{scheme}://{}", &rest[at + 1..]), Some(user))
}

/// `%41` as `A`; what is no escape stays.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn basic(cred: &str) -> Result<HeaderValue, Failure> {
    authorization(&format!("Basic {}", STANDARD.encode(cred)))
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
    use serde_json::json;

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

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let told = |status, json: Option<Value>| {
            let text = String::new();
            let answer = Answer { status, json, text };
            answer.json(&["message", "error"]).unwrap_err().message
        };
        let bad = StatusCode::BAD_REQUEST;
        assert_eq!(told(bad, Some(json!({"message": "no"}))), "no");
        assert_eq!(told(bad, Some(json!({"error": "never"}))), "never");
        let nothing = "the server answers 400 Bad Request";
        assert_eq!(told(bad, Some(json!({"error": 7}))), nothing);
        assert_eq!(told(bad, None), nothing);
        assert_eq!(told(StatusCode::OK, None), "the server's answer is no JSON");
        let answer = Answer {
            status: StatusCode::UNAUTHORIZED,
            json: None,
            text: "Not Authorized".into(),
        };
        assert_eq!(answer.done(&[]).unwrap_err().message, "Not Authorized");
    }

    #[test]
    fn a_url_may_hold_a_credential() {
        let taken = |url: &str| without_user(url.to_owned());
        assert_eq!(taken("http://h:1/p"), ("http://h:1/p".into(), None));
        let (url, user) = taken("http://local:p%40ss@word@h:1/p@q");
        assert_eq!(url, "http://h:1/p@q");
        assert_eq!(user.as_deref(), Some("local:p@ss@word"));
        let Ok(value) = basic("local:password") else {
            panic!("refused")
        };
        assert_eq!(value, "Basic bG9jYWw6cGFzc3dvcmQ=");
    }
}
