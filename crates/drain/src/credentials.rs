//! Whether a drain's credentials can be used at all.

use rustls::{RootCertStore, crypto::aws_lc_rs::default_provider, sign::CertifiedKey};
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
        let certificates = CertificateDer::pem_slice_iter(pem.ca.reveal().as_bytes());
        let mut store = RootCertStore::empty();
        let (taken, _) = store.add_parsable_certificates(certificates.flatten());
        if taken == 0 {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use std::time::Duration;

    use logweir_net::pki::{Authority, write_pair};

    use super::*;

    /// Certificate and key of a new identity, and the authority that signed it.
    fn issued() -> Pem {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::ensure(dir.path()).unwrap();
        let pair = authority
            .issue(&["drain"], Duration::from_secs(3600))
            .unwrap();
        let path = |name: &str| dir.path().join(name);
        write_pair(&pair, &path("cert"), &path("key")).unwrap();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap().into();
        Pem {
            cert: read("cert"),
            key: read("key"),
            ca: read("ca.crt"),
        }
    }

    #[test]
    fn what_belongs_together_is_taken() {
        let pem = issued();
        assert_eq!(check(&pem), Ok(()));
        assert_eq!(check(&Pem::default()), Ok(()));
        // Half a pair is no client certificate, at the peers as here.
        let half = Pem {
            key: "nonsense".to_owned().into(),
            ..Pem::default()
        };
        assert_eq!(check(&half), Ok(()));
        // Beside something else in the text.
        let ca = format!("# ours\n{}", pem.ca.reveal()).into();
        assert_eq!(
            check(&Pem {
                ca,
                ..Pem::default()
            }),
            Ok(())
        );
    }

    #[test]
    fn what_does_not_is_refused_without_showing_it() {
        let (one, other) = (issued(), issued());
        let mixed = Pem {
            key: other.key.clone(),
            ..one.clone()
        };
        assert_eq!(check(&mixed), Err(CredentialsError::Identity));
        let empty: String = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into();
        for ca in [one.key.clone(), "none".to_owned().into(), empty.into()] {
            let pem = Pem { ca, ..one.clone() };
            assert_eq!(check(&pem), Err(CredentialsError::Authorities));
        }
        assert_eq!(
            CredentialsError::Identity.told("https://h/~0"),
            "failed to load certificate for https://h/~0"
        );
    }
}
