use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::SingleCertAndKey,
};

use super::{Alpn, TlsError, TlsPaths, files::PemFile, identity, suites};

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// A certificate that the CA file vouches for, made for client authentication.
    /// No name in it is checked.
    Required,
    /// Nothing.
    None,
}

/// A server's side of TLS. Clones share their state, so a reload reaches them all;
/// connections that stand keep what they began with.
#[derive(Clone)]
pub struct ServerTls(Arc<Inner>);

struct Inner {
    paths: TlsPaths,
    auth: ClientAuth,
    alpn: Alpn,
    provider: Arc<CryptoProvider>,
    /// What is in force was made from these.
    files: Mutex<Files>,
    current: ArcSwap<ServerConfig>,
}

#[derive(PartialEq, Eq)]
struct Files {
    cert: PemFile,
    key: PemFile,
    ca: Option<PemFile>,
}

impl Files {
    fn read(paths: &TlsPaths, auth: ClientAuth) -> Result<Self, TlsError> {
        Ok(Self {
            cert: PemFile::read(&paths.cert)?,
            key: PemFile::read(&paths.key)?,
            ca: match auth {
                ClientAuth::Required => Some(PemFile::read(&paths.ca)?),
                ClientAuth::None => None,
            },
        })
    }

    fn config(&self, provider: &Arc<CryptoProvider>, alpn: Alpn) -> Result<ServerConfig, TlsError> {
        let setup = |error: rustls::Error| TlsError::Setup(error.to_string());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(setup)?;
        let builder = match &self.ca {
            Some(ca) => builder.with_client_cert_verifier(client_verifier(ca, provider)?),
            None => builder.with_no_client_auth(),
        };
        let identity = identity::load(&self.cert, &self.key, provider, SystemTime::now())?;
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = alpn.protocols();
        // The client's order would cost speed: Go prefers AES-256 for no reason of ours.
        config.ignore_client_order = true;
        Ok(config)
    }
}

fn client_verifier(
    ca: &PemFile,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = Arc::new(ca.authorities()?);
    WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| TlsError::Setup(error.to_string()))
}

impl ServerTls {
    /// Reads the files. `suites` narrows those of TLS 1.2; empty takes them all.
    ///
    /// # Errors
    /// Any file that is missing, malformed or not valid now; no suite left.
    pub fn load(
        paths: &TlsPaths,
        auth: ClientAuth,
        suites: &[String],
        alpn: Alpn,
    ) -> Result<Self, TlsError> {
        let provider = suites::provider(suites)?;
        let files = Files::read(paths, auth)?;
        let config = files.config(&provider, alpn)?;
        Ok(Self(Arc::new(Inner {
            paths: paths.clone(),
            auth,
            alpn,
            provider,
            files: Mutex::new(files),
            current: ArcSwap::from_pointee(config),
        })))
    }

    /// What new connections are served with.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.current.load_full()
    }

    /// What is spoken inside.
    pub fn alpn(&self) -> Alpn {
        self.0.alpn
    }

    /// Reads the files again. True if they had changed and are in force now.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; what was in force stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let new = Files::read(&self.0.paths, self.0.auth)?;
        let mut files = self.0.files.lock().unwrap_or_else(PoisonError::into_inner);
        if new == *files {
            return Ok(false);
        }
        let config = new.config(&self.0.provider, self.0.alpn)?;
        self.0.current.store(Arc::new(config));
        *files = new;
        Ok(true)
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("paths", &self.0.paths)
            .field("auth", &self.0.auth)
            .field("alpn", &self.0.alpn)
            .finish_non_exhaustive()
    }
}
