//! The Cloud Controller's list of drains (spec agents-and-drains §2.1).

use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use logweir_drain::binding::{self, Binding, ReadError};
use logweir_net::{
    body,
    http_client::{HttpClient, HttpClientSettings, HttpError},
    tls::{Alpn, ClientTls, Verify},
};

use super::BindingCacheConfig;
use crate::context::StartError;

const PATH: &str = "/internal/v5/syslog_drain_urls";

/// For each page, from the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest page in bytes.
const PAGE_BYTES: usize = 64 << 20;

/// Most bindings in all: a list without end must not fill the memory.
const BINDINGS: usize = 1 << 20;

/// Why the list could not be read. The texts are the peers' where they have one.
#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    /// No answer.
    #[error("failed to get page {page} from internal bindings endpoint: {source}")]
    Request { page: u64, source: HttpError },
    /// Another answer than the list.
    #[error("unexpected response from internal bindings endpoint. status code: {0}")]
    Status(u16),
    /// Not the list.
    #[error("failed to decode JSON: {0}")]
    Decode(#[from] ReadError),
    /// A page that leads to itself or back.
    #[error("page {page} of the internal bindings endpoint leads back to page {next}")]
    Circle { page: u64, next: u64 },
    /// More than anybody has.
    #[error("the internal bindings endpoint lists more than {BINDINGS} URLs")]
    Endless,
}

/// Asks the Cloud Controller.
pub(super) struct CloudController {
    client: HttpClient,
    base: Uri,
    batch_size: u32,
    keep_alive: bool,
}

impl CloudController {
    /// Loads the certificates; they are returned to be watched.
    pub(super) fn new(
        config: &BindingCacheConfig,
    ) -> Result<(Self, Option<ClientTls>), StartError> {
        let wrong = || {
            StartError::Setting(format!(
                "binding_cache.api: `{}` is no address; write it as https://HOST:PORT",
                config.api
            ))
        };
        let base: Uri = config.api.parse().map_err(|_| wrong())?;
        if !matches!(base.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        let tls = match base.scheme_str() {
            Some("https") => Some(load(config)?),
            _ => None,
        };
        let name = Some(config.api_name.clone()).filter(|name| !name.is_empty());
        let settings = HttpClientSettings {
            connect_timeout: PATIENCE,
            total_timeout: PATIENCE,
            max_body: PAGE_BYTES,
        };
        let own = Self {
            client: HttpClient::new(tls.clone(), name, settings),
            base,
            batch_size: config.batch_size,
            keep_alive: config.keep_alive,
        };
        Ok((own, tls))
    }

    /// The whole list.
    pub(super) async fn bindings(&self) -> Result<Vec<Binding>, PollError> {
        let mut all = Vec::new();
        let mut page = 0;
        loop {
            let read = self.page(page).await?;
            all.extend(read.bindings);
            if all.len() > BINDINGS {
                return Err(PollError::Endless);
            }
            match read.next {
                None => return Ok(all),
                Some(next) if next <= page => return Err(PollError::Circle { page, next }),
                Some(next) => page = next,
            }
        }
    }

    async fn page(&self, page: u64) -> Result<binding::Page, PollError> {
        let mut request = Request::new(body::empty());
        *request.uri_mut() = self.uri(page);
        if !self.keep_alive {
            let close = HeaderValue::from_static("close");
            request.headers_mut().insert(header::CONNECTION, close);
        }
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|source| PollError::Request { page, source })?;
        if answer.status() != StatusCode::OK {
            return Err(PollError::Status(answer.status().as_u16()));
        }
        Ok(binding::page(answer.body())?)
    }

    fn uri(&self, page: u64) -> Uri {
        let prefix = self.base.path().trim_end_matches('/');
        let query = format!("batch_size={}&next_id={page}", self.batch_size);
        let path = format!("{prefix}{PATH}?{query}");
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        // Both halves were parsed before.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// HTTP/1.1 alone, so that a connection can be closed after a page.
fn load(config: &BindingCacheConfig) -> Result<ClientTls, StartError> {
    let files = &config.api_tls;
    let identity = Some((files.cert.as_path(), files.key.as_path()));
    let tls = ClientTls::load(Some(&files.ca), identity, Verify::Ca, &[], Alpn::Http1);
    tls.map_err(|source| StartError::Tls {
        part: "the binding cache's API client",
        source: Box::new(source),
    })
}
