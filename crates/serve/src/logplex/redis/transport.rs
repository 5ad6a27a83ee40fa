//! A connection to a server, before anything is said.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::{
    body::BoxError,
    resolve::Resolver,
    tls::{Alpn, ClientTls, Verify},
    transport::Transport,
};
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{error::RedisError, url::RedisUrl};

/// For each address of a server.
const CONNECT: Duration = Duration::from_secs(2);

/// Connects to the first address that answers.
pub(super) async fn dial(url: &RedisUrl, resolver: &Resolver) -> Result<Transport, RedisError> {
    let addresses = resolver.resolve(&url.target).await;
    let addresses = addresses.map_err(|error| RedisError::no_connection(url, error))?;
    let mut why = "its name has no address".to_owned();
    for address in addresses {
        match timeout(CONNECT, transport(url, address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = format!("no connection within {CONNECT:?}"),
        }
    }
    Err(RedisError::no_connection(url, why))
}

/// A connection, encrypted if the URL says so.
async fn transport(url: &RedisUrl, address: SocketAddr) -> Result<Transport, BoxError> {
    let stream = TcpStream::connect(address).await?;
    // Without it commands only wait a little.
    let _ = stream.set_nodelay(true);
    let Some(name) = &url.tls else {
        return Ok(Transport::Plain(stream));
    };
    // Read each time: connections last, and authorities change.
    let tls = ClientTls::load(None, None, Verify::SystemRoots, &[], Alpn::HttpAll)?;
    let mut config = (*tls.current()).clone();
    config.alpn_protocols.clear();
    let name = ServerName::try_from(name.clone())?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    Ok(Transport::Tls(Box::new(stream.into())))
}
