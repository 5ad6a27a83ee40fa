//! TLS 1.2 and 1.3 by rustls over aws-lc-rs, from PEM files that are read again when
//! they change.
//!
//! The rules are those of the peers (spec loggregator-v2 §3.2): a server asks for a
//! client certificate that the CA file vouches for and looks at no name in it; a client
//! trusts the CA file alone and checks one fixed name, which the dialler holds.

mod client;
mod error;
mod files;
mod identity;
mod personal;
mod server;
mod suites;
mod watch;

pub use client::{ClientTls, Verify};
pub use error::TlsError;
pub(crate) use identity::dns_names;
pub use personal::{Personal, PersonalTls};
pub use server::{ClientAuth, ServerTls};
pub use watch::{TlsHandle, watch};

use std::path::PathBuf;

/// PEM files of a server: its own identity, and who vouches for its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPaths {
    /// Certificate chain, own leaf first.
    pub cert: PathBuf,
    /// Private key of the leaf: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Certificates of the authorities that clients must chain to. Not read with
    /// [`ClientAuth::None`].
    pub ca: PathBuf,
}

/// What is spoken inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2 alone: gRPC. Go's gRPC ends a connection that did not negotiate it.
    H2,
    /// HTTP/2, or HTTP/1.1 for those who know nothing else.
    HttpAll,
    /// HTTP/1.1 alone, for doors of WebSockets: they cannot begin over HTTP/2.
    Http1,
    /// Nothing is negotiated: syslog.
    None,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::H2 => vec![b"h2".to_vec()],
            Self::HttpAll => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
