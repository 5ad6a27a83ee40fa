use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::{
    body::BoxError,
    resolve::{Resolver, Target},
    tls::ClientTls,
    transport::Transport,
};

/// Opens the connections of an [`super::HttpClient`].
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: Option<ClientTls>,
    pub(super) server_name: Option<String>,
    pub(super) timeout: Duration,
    pub(super) resolver: Resolver,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Transport>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let after = connector.timeout;
            match tokio::time::timeout(after, connector.connect(&url)).await {
                Ok(transport) => transport.map(TokioIo::new),
                Err(_) => Err(format!("no connection within {after:?}").into()),
            }
        })
    }
}

impl Connector {
    async fn connect(&self, url: &Uri) -> Result<Transport, BoxError> {
        let encrypted = url.scheme() == Some(&Scheme::HTTPS);
        let host = url.host().ok_or("the URL names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let target = Target::HostPort(host.to_owned(), port);
        let tcp = any_of(&self.resolver.resolve(&target).await?).await?;
        tcp.set_nodelay(true)?;
        if !encrypted {
            return Ok(Transport::Plain(tcp));
        }
        let tls = self.tls.as_ref().ok_or("no TLS is set up for https")?;
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name)?;
        let stream = TlsConnector::from(tls.current()).connect(name, tcp).await?;
        Ok(Transport::Tls(Box::new(stream.into())))
    }
}

/// A connection to the first address that takes one.
async fn any_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl Connection for Transport {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            _ => Connected::new(),
        }
    }
}
