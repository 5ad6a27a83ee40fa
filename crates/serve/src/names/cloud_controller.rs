//! `/v3/apps` of the Cloud Controller, and the token for it.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header, uri::PathAndQuery};
use logweir_drain::names::AppNames;
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings, HttpError},
    tls::{Alpn, ClientTls, TlsError, Verify},
};
use serde::Deserialize;
use tokio::time::Instant;

use super::NamesConfig;
use crate::context::StartError;

/// Most apps of one question; their guids go into its address.
pub(super) const BATCH: usize = 50;

/// Largest answer in bytes.
const ANSWER: usize = 8 << 20;

/// A token is not used in its last moments.
const MARGIN: Duration = Duration::from_secs(30);

/// Why there are no names.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// No answer.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// Another answer than the one asked for.
    #[error("{who} answered with status {status}")]
    Status { who: &'static str, status: u16 },
    /// What came is no such answer.
    #[error("the answer of {who} cannot be read at line {line}, column {column}")]
    Unreadable {
        who: &'static str,
        line: usize,
        column: usize,
    },
    /// A token that fits in no header.
    #[error("the token server gave a token that cannot be sent")]
    Token,
}

pub(super) struct CloudController {
    client: HttpClient,
    api: Uri,
    /// Where tokens come from, and who we are there.
    tokens: Option<(Uri, HeaderValue)>,
    token: Option<(HeaderValue, Instant)>,
}

#[derive(Deserialize)]
struct Page {
    resources: Vec<App>,
    #[serde(default)]
    included: Included,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Included {
    spaces: Vec<Space>,
    organizations: Vec<Organization>,
}

#[derive(Deserialize)]
struct App {
    guid: String,
    name: String,
    relationships: AppIn,
}

#[derive(Deserialize)]
struct AppIn {
    space: Link,
}

#[derive(Deserialize)]
struct Space {
    guid: String,
    name: String,
    relationships: SpaceIn,
}

#[derive(Deserialize)]
struct SpaceIn {
    organization: Link,
}

#[derive(Deserialize)]
struct Organization {
    guid: String,
    name: String,
}

#[derive(Deserialize)]
struct Link {
    data: Option<Guid>,
}

#[derive(Deserialize)]
struct Guid {
    guid: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

impl CloudController {
    /// Loads the certificates; they are returned to be watched.
    pub(super) fn new(config: &NamesConfig) -> Result<(Self, Option<ClientTls>), StartError> {
        let api = base("names.api", &config.api)?;
        let tokens = match config.uaa.is_empty() {
            true => None,
            false => {
                let pair = format!("{}:{}", config.client_id, config.client_secret);
                let own = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)));
                let mut own = own.map_err(|_| setting("names.client_id", "fits in no header"))?;
                own.set_sensitive(true);
                Some((base("names.uaa", &config.uaa)?, own))
            }
        };
        let servers = [Some(&api), tokens.as_ref().map(|(uaa, _)| uaa)];
        let is_https = |uri: &&Uri| uri.scheme_str() == Some("https");
        let tls = match servers.into_iter().flatten().any(|uri| is_https(&uri)) {
            true => Some(certificates(config).map_err(|source| StartError::Tls {
                part: "names",
                source: Box::new(source),
            })?),
            false => None,
        };
        let settings = HttpClientSettings {
            max_body: ANSWER,
            ..HttpClientSettings::default()
        };
        let own = Self {
            client: HttpClient::new(tls.clone(), None, settings),
            api,
            tokens,
            token: None,
        };
        Ok((own, tls))
    }

    /// The apps among at most [`BATCH`] guids, by guid.
    pub(super) async fn apps(
        &mut self,
        guids: &[String],
    ) -> Result<HashMap<String, AppNames>, LookupError> {
        match self.ask(guids).await {
            // Tokens can be withdrawn.
            Err(LookupError::Status { status: 401, .. }) if self.token.take().is_some() => {
                self.ask(guids).await
            }
            answer => answer,
        }
    }

    async fn ask(&mut self, guids: &[String]) -> Result<HashMap<String, AppNames>, LookupError> {
        // Guids need no escapes.
        let query = format!(
            "?guids={}&include=space.organization&per_page={BATCH}",
            guids.join(",")
        );
        let mut request = Request::new(body::empty());
        *request.uri_mut() = below(&self.api, "/v3/apps", &query);
        if let Some(token) = self.token().await? {
            request.headers_mut().insert(header::AUTHORIZATION, token);
        }
        let page: Page = self.send("the API", request).await?;
        Ok(page.names())
    }

    /// A token that is good for a while.
    async fn token(&mut self) -> Result<Option<HeaderValue>, LookupError> {
        let Some((uaa, own)) = &self.tokens else {
            return Ok(None);
        };
        let now = Instant::now();
        if let Some((token, until)) = &self.token
            && now < *until
        {
            return Ok(Some(token.clone()));
        }
        let mut request = Request::new(body::full("grant_type=client_credentials"));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = below(uaa, "/oauth/token", "");
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, own.clone());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json);
        let token: Token = self.send("the token server", request).await?;
        let good = Duration::from_secs(token.expires_in).saturating_sub(MARGIN);
        let value = HeaderValue::try_from(format!("bearer {}", token.access_token));
        let mut value = value.map_err(|_| LookupError::Token)?;
        value.set_sensitive(true);
        self.token = now.checked_add(good).map(|until| (value.clone(), until));
        Ok(Some(value))
    }

    async fn send<T: for<'de> Deserialize<'de>>(
        &self,
        who: &'static str,
        request: Request<body::Body>,
    ) -> Result<T, LookupError> {
        let answer = self.client.send(request).await?;
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            return Err(LookupError::Status { who, status });
        }
        // serde's own text quotes values, and one of them is a token.
        serde_json::from_slice(answer.body()).map_err(|error| LookupError::Unreadable {
            who,
            line: error.line(),
            column: error.column(),
        })
    }
}

impl Page {
    fn names(self) -> HashMap<String, AppNames> {
        let included = self.included;
        let organizations = included.organizations.into_iter();
        let organizations: HashMap<_, _> = organizations.map(|one| (one.guid, one.name)).collect();
        let spaces = included.spaces.into_iter();
        let spaces: HashMap<_, _> = spaces.map(|one| (one.guid.clone(), one)).collect();
        let apps = self.resources.into_iter().map(|app| {
            let guid = |link: &Link| link.data.as_ref().map(|data| data.guid.clone());
            let in_space = guid(&app.relationships.space).unwrap_or_default();
            let space = spaces.get(&in_space);
            let in_organization = space.and_then(|one| guid(&one.relationships.organization));
            let in_organization = in_organization.unwrap_or_default();
            let organization = organizations.get(&in_organization);
            let names = AppNames {
                app: app.name,
                space: (
                    in_space.clone(),
                    space.map(|one| one.name.clone()).unwrap_or_default(),
                ),
                organization: (
                    in_organization.clone(),
                    organization.cloned().unwrap_or_default(),
                ),
            };
            (app.guid, names)
        });
        apps.collect()
    }
}

fn setting(key: &str, reason: &str) -> StartError {
    StartError::Setting(format!("{key}: {reason}"))
}

fn base(key: &str, url: &str) -> Result<Uri, StartError> {
    let wrong = || {
        setting(
            key,
            &format!("`{url}` is no address; write it as https://HOST"),
        )
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    match known && uri.host().is_some_and(|host| !host.is_empty()) {
        true => Ok(uri),
        false => Err(wrong()),
    }
}

fn below(base: &Uri, path: &str, query: &str) -> Uri {
    let prefix = base.path().trim_end_matches('/');
    let mut parts = base.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{prefix}{path}{query}")).ok();
    // Both halves were checked before.
    Uri::from_parts(parts).unwrap_or_default()
}

fn certificates(config: &NamesConfig) -> Result<ClientTls, TlsError> {
    let own = Some(config.ca.as_path()).filter(|path| !path.as_os_str().is_empty());
    let (ca, verify) = match (config.skip_verify, own) {
        (true, _) => (None, Verify::None),
        (false, Some(ca)) => (Some(ca), Verify::Ca),
        (false, None) => (None, Verify::SystemRoots),
    };
    ClientTls::load(ca, None, verify, &[], Alpn::HttpAll)
}
