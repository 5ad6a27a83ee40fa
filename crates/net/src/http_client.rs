//! Short questions to HTTP services: UAA, CAPI, binding providers.

mod connector;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{body::Body, resolve::Resolver, tls::ClientTls};
use connector::Connector;

/// Connections that nobody uses are closed after this long.
const IDLE: Duration = Duration::from_secs(30);

/// Bounds of a question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClientSettings {
    /// For name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the question to the last byte of the answer.
    pub total_timeout: Duration,
    /// Largest body of an answer, in bytes.
    pub max_body: usize,
}

impl Default for HttpClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            max_body: 10 << 20,
        }
    }
}

/// Why there is no answer. None of them holds a header or a body of the question.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It took too long.
    #[error("{url} did not answer within {after:?}")]
    Timeout {
        /// What was asked, without its query.
        url: String,
        /// How long it took.
        after: Duration,
    },
    /// No connection, or a broken one.
    #[error("{url} cannot be asked: {reason}")]
    Send {
        /// What was asked, without its query.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// An answer that is larger than allowed.
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked, without its query.
        url: String,
        /// The limit.
        limit: usize,
    },
}

/// Asks over HTTP/1.1 or HTTP/2, keeps connections for the next question. Clones share
/// them.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<Connector, Body>,
    settings: HttpClientSettings,
}

impl HttpClient {
    /// `tls` is for `https` URLs; without it they are errors. `server_name` is what the
    /// server must prove to be, if not the URL's host.
    pub fn new(
        tls: Option<ClientTls>,
        server_name: Option<String>,
        settings: HttpClientSettings,
    ) -> Self {
        let connector = Connector {
            tls,
            server_name,
            timeout: settings.connect_timeout,
            resolver: Resolver::new(),
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { client, settings }
    }

    /// Asks, and reads the whole answer. The URL must be absolute.
    ///
    /// # Errors
    /// No connection, no answer in time, or too large a one. Any HTTP status is an answer.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, HttpError> {
        let url = without_query(request.uri());
        let after = self.settings.total_timeout;
        match tokio::time::timeout(after, self.ask(request, &url)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout { url, after }),
        }
    }

    /// Asks, and leaves the body of the answer to be read as it comes: neither its size nor
    /// its duration is bounded.
    ///
    /// # Errors
    /// No connection, or no answer's header in time. Any HTTP status is an answer.
    pub async fn open(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let url = without_query(request.uri());
        let after = self.settings.total_timeout;
        match tokio::time::timeout(after, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync())),
            Ok(Err(error)) => Err(HttpError::Send {
                url,
                reason: crate::dial::with_causes(&error),
            }),
            Err(_) => Err(HttpError::Timeout { url, after }),
        }
    }

    async fn ask(&self, request: Request<Body>, url: &str) -> Result<Response<Bytes>, HttpError> {
        let limit = self.settings.max_body;
        let response = self.client.request(request).await;
        let response = response.map_err(|error| HttpError::Send {
            url: url.to_owned(),
            reason: crate::dial::with_causes(&error),
        })?;
        let (head, body) = response.into_parts();
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge {
                url: url.to_owned(),
                limit,
            }),
            Err(error) => Err(HttpError::Send {
                url: url.to_owned(),
                reason: crate::dial::with_causes(error.as_ref()),
            }),
        }
    }
}

/// Queries hold tokens at times, and errors are logged.
fn without_query(url: &http::Uri) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    format!(
        "{}://{}{}{}",
        url.scheme_str().unwrap_or("http"),
        url.host().unwrap_or_default(),
        port.unwrap_or_default(),
        url.path()
    )
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
