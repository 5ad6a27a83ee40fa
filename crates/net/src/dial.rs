//! HTTP/2 connections to other roles, with TLS or without.

mod error;
mod h2;

pub use error::{DialError, SendError};
pub use h2::H2;

use std::{net::SocketAddr, time::Duration};

use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::{tls::ClientTls, transport::Transport};

/// How connections are opened and kept. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialSettings {
    /// Time for the TCP connection.
    pub connect_timeout: Duration,
    /// Time for the TLS handshake.
    pub tls_timeout: Duration,
    /// A ping after this long, also while no stream is open (spec loggregator-v2 §3.6).
    /// Peers end a connection that pings more often than every 10 s.
    pub keepalive_interval: Duration,
    /// A connection whose ping is unanswered for this long is dead.
    pub keepalive_timeout: Duration,
    /// What the server may send on one stream before we take it.
    pub stream_window: u32,
    /// The same for all streams of the connection together.
    pub connection_window: u32,
    /// Largest frame that the server may send.
    pub max_frame: u32,
    /// What may wait in one stream's send buffer.
    pub send_buffer: usize,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(15),
            keepalive_timeout: Duration::from_secs(15),
            stream_window: 4 << 20,
            connection_window: 16 << 20,
            max_frame: 256 << 10,
            send_buffer: 1 << 20,
        }
    }
}

/// Opens connections with the same settings.
#[derive(Clone, Debug)]
pub struct Dialer {
    tls: Option<ClientTls>,
    server_name: String,
    settings: DialSettings,
}

impl Dialer {
    /// With `tls`, the server must prove to be `server_name`, whatever its address is.
    pub fn new(tls: Option<ClientTls>, server_name: String, settings: DialSettings) -> Self {
        Self {
            tls,
            server_name,
            settings,
        }
    }

    /// Connects. With TLS 1.3 a server refuses our certificate only after this: then
    /// the first request fails, and [`H2::reason`] says why.
    ///
    /// # Errors
    /// Within the two timeouts, naming the address and the step that failed.
    pub async fn connect(&self, addr: SocketAddr) -> Result<H2, DialError> {
        let transport = self.transport(addr).await?;
        let authority = self.server_name.clone();
        let encrypted = self.tls.is_some();
        h2::begin(transport, addr, authority, encrypted, &self.settings)
            .await
            .map_err(|source| DialError::Http { addr, source })
    }

    async fn transport(&self, addr: SocketAddr) -> Result<Transport, DialError> {
        let after = self.settings.connect_timeout;
        let tcp = timeout(after, TcpStream::connect(addr))
            .await
            .map_err(|_| DialError::ConnectTimeout { addr, after })?
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|source| DialError::Connect { addr, source })?;
        match &self.tls {
            None => Ok(Transport::Plain(tcp)),
            Some(tls) => self.encrypt(tls, tcp, addr).await,
        }
    }

    async fn encrypt(
        &self,
        tls: &ClientTls,
        tcp: TcpStream,
        addr: SocketAddr,
    ) -> Result<Transport, DialError> {
        let after = self.settings.tls_timeout;
        let name =
            ServerName::try_from(self.server_name.clone()).map_err(|_| DialError::ServerName {
                name: self.server_name.clone(),
            })?;
        let stream = timeout(after, TlsConnector::from(tls.current()).connect(name, tcp))
            .await
            .map_err(|_| DialError::TlsTimeout { addr, after })?
            .map_err(|source| DialError::Tls {
                addr,
                name: self.server_name.clone(),
                source,
            })?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(Transport::Tls(Box::new(stream.into()))),
            other => Err(DialError::Alpn {
                addr,
                negotiated: other.map_or("nothing".into(), |name| {
                    String::from_utf8_lossy(name).into_owned()
                }),
            }),
        }
    }
}

/// An error and what is behind it; hyper says only the first half by itself.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
