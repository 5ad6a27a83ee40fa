//! One HTTP connection to a gateway, HTTP/2 or HTTP/1.1 as it likes.

use http::{HeaderValue, Request, Response, header};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use logweir_net::{
    body::{Body, empty},
    resolve::{Resolver, Target},
    tls::{Alpn, ClientTls, Verify},
};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::GatewayEndpoint;
use crate::endpoint::{EndpointError, chain, readable, target};

/// A gateway that was checked.
pub(super) struct Gateway {
    host: String,
    target: Target,
    /// As the `Host` header says it.
    authority: String,
    tls: Option<ClientTls>,
    authorization: Option<HeaderValue>,
}

/// A response whose body still flows, and the task that carries it.
pub(super) struct Reply {
    pub(super) response: Response<Incoming>,
    _connection: AbortOnDropHandle<()>,
}

impl Gateway {
    pub(super) fn new(endpoint: &GatewayEndpoint) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Address(endpoint.url.clone());
        let uri: http::Uri = endpoint.url.parse().map_err(|_| wrong())?;
        let (secure, usual) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => {
                return Err(EndpointError::NotFound(format!(
                    "`{}` is no gateway address: write https://host:port",
                    endpoint.url
                )));
            }
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let port = authority.port_u16().unwrap_or(usual);
        let host = authority.host().to_owned();
        let tls = if secure {
            if let Some(ca) = &endpoint.ca {
                readable(ca)?;
            }
            let verify = if endpoint.ca.is_some() {
                Verify::Ca
            } else {
                Verify::SystemRoots
            };
            let tls = ClientTls::load(endpoint.ca.as_deref(), None, verify, &[], Alpn::HttpAll)
                .map_err(|error| EndpointError::Tls(chain(&error)))?;
            Some(tls)
        } else {
            None
        };
        let authorization = match &endpoint.token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("bearer {}", token.trim()))
                    .map_err(|_| {
                        EndpointError::NotFound(
                            "the token holds characters that no token has: check its file".into(),
                        )
                    })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self {
            target: target(&format!("{host}:{port}"))?,
            host: host.trim_matches(['[', ']']).to_owned(),
            authority: authority.as_str().to_owned(),
            tls,
            authorization,
        })
    }

    /// The address for people.
    pub(super) fn address(&self) -> &str {
        &self.authority
    }

    /// Connects and sends one GET; resolves with the response's head.
    pub(super) async fn get(&self, path_and_query: &str) -> Result<Reply, EndpointError> {
        let tcp = self.dial().await?;
        let Some(tls) = &self.tls else {
            return self.ask_http1(tcp, path_and_query).await;
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| EndpointError::Address(self.host.clone()))?;
        let stream = TlsConnector::from(tls.current())
            .connect(name, tcp)
            .await
            .map_err(|error| self.unreachable(chain(&error)))?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.ask_http2(stream, path_and_query).await
        } else {
            self.ask_http1(stream, path_and_query).await
        }
    }

    async fn dial(&self) -> Result<TcpStream, EndpointError> {
        let found = Resolver::new()
            .resolve(&self.target)
            .await
            .map_err(|error| self.unreachable(chain(&error)))?;
        let mut cause = "the name has no address".to_owned();
        for address in found {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(self.unreachable(cause))
    }

    fn unreachable(&self, cause: String) -> EndpointError {
        EndpointError::Unreachable(format!("cannot connect to {}: {cause}", self.authority))
    }

    fn request(&self, uri: String) -> Result<Request<Body>, EndpointError> {
        let mut request = Request::get(uri).header(header::ACCEPT, "text/event-stream");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request
            .body(empty())
            .map_err(|_| EndpointError::Address(self.authority.clone()))
    }

    async fn ask_http1(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path_and_query: &str,
    ) -> Result<Reply, EndpointError> {
        let failed = |error: hyper::Error| self.unreachable(chain(&error));
        let mut request = self.request(path_and_query.into())?;
        let host = HeaderValue::from_str(&self.authority)
            .map_err(|_| EndpointError::Address(self.authority.clone()))?;
        request.headers_mut().insert(header::HOST, host);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // The body reports what goes wrong here.
            let _ = connection.await;
        }));
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok(Reply {
            response,
            _connection: connection,
        })
    }

    async fn ask_http2(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path_and_query: &str,
    ) -> Result<Reply, EndpointError> {
        let failed = |error: hyper::Error| self.unreachable(chain(&error));
        let request = self.request(format!("https://{}{path_and_query}", self.authority))?;
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(failed)?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok(Reply {
            response,
            _connection: connection,
        })
    }
}
