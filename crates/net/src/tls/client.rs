use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    sign::SingleCertAndKey,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{
    Alpn, TlsError,
    files::{PemFile, system_roots},
    identity,
    personal::{Personal, PersonalTls},
    suites,
};

/// Who vouches for the servers that a client talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The CA file alone; the system's authorities do not count.
    Ca,
    /// The system's authorities, and those of the CA file if one is given.
    SystemRoots,
    /// Nobody: any certificate will do. Only for a setting that says so.
    None,
}

/// A client's side of TLS. Clones share their state, so a reload reaches them all;
/// connections that stand keep what they began with.
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    ca: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    verify: Verify,
    alpn: Alpn,
    provider: Arc<CryptoProvider>,
    /// What is in force was made from these.
    files: Mutex<Files>,
    current: ArcSwap<InForce>,
}

struct InForce {
    config: Arc<ClientConfig>,
    /// The config's own, which it does not show.
    verifier: Arc<dyn ServerCertVerifier>,
}

#[derive(PartialEq, Eq)]
struct Files {
    ca: Option<PemFile>,
    identity: Option<(PemFile, PemFile)>,
}

impl Files {
    fn read(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        Ok(Self {
            ca: ca.map(PemFile::read).transpose()?,
            identity: identity
                .map(|(cert, key)| Ok::<_, TlsError>((PemFile::read(cert)?, PemFile::read(key)?)))
                .transpose()?,
        })
    }

    fn config(
        &self,
        verify: Verify,
        provider: &Arc<CryptoProvider>,
        alpn: Alpn,
    ) -> Result<InForce, TlsError> {
        let roots = match (verify, &self.ca) {
            (Verify::None, _) => None,
            (Verify::Ca, None) => return Err(TlsError::NoCa),
            (Verify::Ca, Some(ca)) => Some(ca.authorities()?),
            (Verify::SystemRoots, ca) => {
                let mut roots = system_roots()?;
                if let Some(ca) = ca {
                    roots.roots.extend(ca.authorities()?.roots);
                }
                Some(roots)
            }
        };
        let verifier: Arc<dyn ServerCertVerifier> = match roots {
            None => Arc::new(Anybody(provider.clone())),
            Some(roots) => webpki(roots, provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let identity = identity::load(cert, key, provider, SystemTime::now())?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
        };
        config.alpn_protocols = alpn.protocols();
        Ok(InForce {
            config: Arc::new(config),
            verifier,
        })
    }
}

/// Checks a server's certificate against these authorities.
pub(super) fn webpki(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| TlsError::Setup(error.to_string()))
}

impl ClientTls {
    /// Reads the files. `identity` is certificate chain and key; `suites` narrows those
    /// of TLS 1.2, empty takes them all.
    ///
    /// # Errors
    /// Any file that is missing, malformed or not valid now; no suite left; no
    /// authority where [`Verify`] wants one.
    pub fn load(
        ca: Option<&Path>,
        identity: Option<(&Path, &Path)>,
        verify: Verify,
        suites: &[String],
        alpn: Alpn,
    ) -> Result<Self, TlsError> {
        let provider = suites::provider(suites)?;
        let files = Files::read(ca, identity)?;
        let config = files.config(verify, &provider, alpn)?;
        Ok(Self(Arc::new(Inner {
            ca: ca.map(Path::to_owned),
            identity: identity.map(|(cert, key)| (cert.to_owned(), key.to_owned())),
            verify,
            alpn,
            provider,
            files: Mutex::new(files),
            current: ArcSwap::from_pointee(config),
        })))
    }

    /// What new connections are opened with.
    pub fn current(&self) -> Arc<ClientConfig> {
        self.0.current.load().config.clone()
    }

    /// What is in force, with what one peer has of its own: its authorities and our
    /// certificate for it count for connections with it alone.
    ///
    /// # Errors
    /// Malformed PEM, an identity that is not valid now or does not fit together.
    pub fn personal(&self, own: &Personal<'_>) -> Result<PersonalTls, TlsError> {
        let current = self.0.current.load();
        own.over(&current.config, &current.verifier, &self.0.provider)
    }

    /// Reads the files again. True if they had changed and are in force now.
    ///
    /// # Errors
    /// As [`ClientTls::load`]; what was in force stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let inner = &self.0;
        let identity = inner.identity.as_ref();
        let new = Files::read(
            inner.ca.as_deref(),
            identity.map(|(cert, key)| (cert.as_path(), key.as_path())),
        )?;
        let mut files = inner.files.lock().unwrap_or_else(PoisonError::into_inner);
        if new == *files {
            return Ok(false);
        }
        let config = new.config(inner.verify, &inner.provider, inner.alpn)?;
        inner.current.store(Arc::new(config));
        *files = new;
        Ok(true)
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls")
            .field("ca", &self.0.ca)
            .field("identity", &self.0.identity)
            .field("verify", &self.0.verify)
            .field("alpn", &self.0.alpn)
            .finish_non_exhaustive()
    }
}

/// Takes every certificate, but still has its holder prove that the key is theirs.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
