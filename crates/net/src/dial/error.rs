use std::{net::SocketAddr, time::Duration};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No TCP connection, and no answer either.
    #[error("cannot connect to {addr}: no answer within {after:?}")]
    ConnectTimeout {
        /// Where to.
        addr: SocketAddr,
        /// How long it took.
        after: Duration,
    },
    /// The name to check is none.
    #[error("`{name}` is no name that a certificate can carry; give a DNS name or an IP address")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The handshake failed, mostly over a certificate.
    #[error("TLS with {addr} as `{name}` failed: {source}")]
    Tls {
        /// Where to.
        addr: SocketAddr,
        /// The name that the server was to prove.
        name: String,
        /// What rustls said.
        source: std::io::Error,
    },
    /// The server accepts connections and says nothing.
    #[error("TLS with {addr} failed: the handshake was not over within {after:?}")]
    TlsTimeout {
        /// Where to.
        addr: SocketAddr,
        /// How long it took.
        after: Duration,
    },
    /// The server does not speak HTTP/2.
    #[error("{addr} did not agree to HTTP/2 (ALPN h2) but to {negotiated}; is it a gRPC port?")]
    Alpn {
        /// Where to.
        addr: SocketAddr,
        /// What it agreed to.
        negotiated: String,
    },
    /// HTTP/2 could not begin.
    #[error("HTTP/2 with {addr} failed: {source}")]
    Http {
        /// Where to.
        addr: SocketAddr,
        /// What hyper said.
        source: hyper::Error,
    },
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// [`H2::close`] was called before.
    #[error("the connection is closed for new requests")]
    Closed,
    /// The connection or the stream broke.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}
