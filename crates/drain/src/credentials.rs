//! Whether a drain's credentials can be used at all.

use rustls::{crypto::aws_lc_rs::default_provider, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::binding::Pem;

/// Why credentials are refused. Shows nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsError {
    /// Certificate and key are malformed or do not belong together.
    Identity,
    /// There is no certificate among the authorities.
    Authorities,
}

impl CredentialsError {
    /// What the app is told, in the peers' words; `url` is redacted.
    pub fn told(self, url: &str) -> String {
        match self {
            Self::Identity => format!("failed to load certificate for {url}"),
            Self::Authorities => format!("failed to load root CA for {url}"),
        }
    }
}

/// Checks as the binding cache of the peers does: certificate and key only where there are
/// both, and that there is a certificate among the authorities.
///
/// # Errors
/// The first of both that is wrong.
pub fn check(pem: &Pem) -> Result<(), CredentialsError> {
    if !pem.cert.is_empty() && !pem.key.is_empty() {
        identity(pem).ok_or(CredentialsError::Identity)?;
    }
    if !pem.ca.is_empty() {
        let mut certificates = CertificateDer::pem_slice_iter(pem.ca.reveal().as_bytes());
        if !certificates.any(|certificate| certificate.is_ok()) {
            return Err(CredentialsError::Authorities);
        }
    }
    Ok(())
}

fn identity(pem: &Pem) -> Option<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(pem.cert.reveal().as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(pem.key.reveal().as_bytes()).ok()?;
    if chain.is_empty() {
        return None;
    }
    CertifiedKey::from_der(chain, key, &default_provider()).ok()
}
