//! Where the other side is, and who we are to it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use logweir_net::{
    dial::{DialSettings, Dialer},
    resolve::{Resolver, Target},
    tls::{Alpn, ClientTls, Verify},
};

/// PEM files of one side of a mutual-TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities that sign the other side.
    pub ca: PathBuf,
    /// Our certificate chain, leaf first.
    pub cert: PathBuf,
    /// Our private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files that `logweir run` and `logweir certs` make in a directory:
    /// `ca.crt`, `client.crt`, `client.key`.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            ca: dir.join("ca.crt"),
            cert: dir.join("client.crt"),
            key: dir.join("client.key"),
        }
    }
}

/// A peer: its addresses, the name its certificate must carry, our TLS files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Equal peers, `host:port` or `srv:NAME`. One is used at a time; after a
    /// failure the next.
    pub addresses: Vec<String>,
    /// DNS name that the peer's certificate must carry: `metron` at an agent,
    /// `doppler` at a router, `reverselogproxy` at a reverse log proxy.
    pub server_name: String,
    /// Read again at each connection, so that renewed files are taken up. `None`:
    /// plain text.
    pub tls: Option<TlsFiles>,
}

impl Endpoint {
    /// A peer in plain text until [`Endpoint::tls`] is called.
    pub fn new(address: impl Into<String>, server_name: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            server_name: server_name.into(),
            tls: None,
        }
    }

    /// Adds an equal peer to move to when the others fail.
    pub fn or(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Uses mutual TLS with these files.
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// Whether addresses parse and files load, without a connection.
    pub(crate) fn check(&self) -> Result<(), EndpointError> {
        if self.addresses.is_empty() {
            return Err(EndpointError::NoAddress);
        }
        for address in &self.addresses {
            target(address)?;
        }
        self.client_tls().map(drop)
    }

    fn client_tls(&self) -> Result<Option<ClientTls>, EndpointError> {
        let Some(files) = &self.tls else {
            return Ok(None);
        };
        for file in [&files.ca, &files.cert, &files.key] {
            readable(file)?;
        }
        let identity = Some((files.cert.as_path(), files.key.as_path()));
        ClientTls::load(Some(&files.ca), identity, Verify::Ca, &[], Alpn::H2)
            .map(Some)
            .map_err(|error| EndpointError::Tls(chain(&error)))
    }

    /// Connects to one of the addresses; `attempt` says which comes first.
    pub(crate) async fn connect(
        &self,
        attempt: usize,
    ) -> Result<(logweir_net::dial::H2, String), EndpointError> {
        if self.addresses.is_empty() {
            return Err(EndpointError::NoAddress);
        }
        let address = &self.addresses[attempt % self.addresses.len()];
        let dialer = Dialer::new(
            self.client_tls()?,
            self.server_name.clone(),
            DialSettings::default(),
        );
        let found = Resolver::new()
            .resolve(&target(address)?)
            .await
            .map_err(|error| EndpointError::Unreachable(chain(&error)))?;
        let mut cause = format!("{address} leads to no address");
        for found in found {
            match dialer.connect(found).await {
                Ok(h2) => return Ok((h2, found.to_string())),
                Err(error) => cause = chain(&error),
            }
        }
        Err(EndpointError::Unreachable(cause))
    }
}

pub(crate) fn target(address: &str) -> Result<Target, EndpointError> {
    address
        .parse()
        .map_err(|_| EndpointError::Address(address.into()))
}

/// An error with what lies under it, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = inner.source();
    }
    text
}

/// Names the file and what to do before the TLS loader says it in its own words.
pub(crate) fn readable(file: &Path) -> Result<(), EndpointError> {
    std::fs::File::open(file)
        .map(drop)
        .map_err(|error| EndpointError::File {
            file: file.to_owned(),
            remedy: match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "make certificates with `logweir certs`, or give the right path"
                }
                std::io::ErrorKind::PermissionDenied => "let this user read it",
                _ => "check the path",
            },
            error,
        })
}

/// An endpoint that cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No address was given.
    #[error("no address to connect to: give host:port")]
    NoAddress,
    /// Not an address.
    #[error("`{0}` is no address: write host:port, or srv:NAME")]
    Address(String),
    /// A file cannot be read.
    #[error("cannot read {file}: {error}; {remedy}", file = .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The files do not make an identity.
    #[error("{0}")]
    Tls(String),
    /// Nobody answers there now.
    #[error("{0}")]
    Unreachable(String),
    /// The peer cannot be found now; a locator's own words.
    #[error("{0}")]
    NotFound(String),
}

/// Finds the peer anew before each connection.
pub(crate) type Locate = Arc<dyn Fn() -> Result<Endpoint, EndpointError> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::new("127.0.0.1:1", "metron").tls(TlsFiles::in_dir(dir.path()));
        let error = endpoint.check().unwrap_err().to_string();
        assert!(error.contains("ca.crt"), "{error}");
        assert!(error.contains("logweir certs"), "{error}");
    }

    #[test]
    fn an_address_without_a_port_is_refused() {
        let error = Endpoint::new("localhost", "metron").check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`localhost` is no address: write host:port, or srv:NAME"
        );
    }
}
