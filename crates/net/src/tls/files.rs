//! Reading PEM files, strictly: what is in them is used, or the file is refused.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{TlsError, identity};

/// Where the systems that we know keep their bundle.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file's content, read once, so that what is compared is also what is loaded.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PemFile {
    pub(super) path: PathBuf,
    content: Vec<u8>,
}

impl PemFile {
    pub(super) fn read(path: &Path) -> Result<Self, TlsError> {
        match std::fs::read(path) {
            Ok(content) => Ok(Self {
                path: path.to_owned(),
                content,
            }),
            Err(source) => Err(TlsError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// What was no file; `name` stands for its path in errors.
    pub(super) fn of(name: &str, content: &str) -> Self {
        Self {
            path: name.into(),
            content: content.into(),
        }
    }

    pub(super) fn wrong(&self, problem: impl Into<String>) -> TlsError {
        TlsError::Pem {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    /// The labels of its blocks: `CERTIFICATE`, `RSA PRIVATE KEY`.
    fn labels(&self) -> impl Iterator<Item = String> + '_ {
        self.content
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let label = line
                    .trim_ascii()
                    .strip_prefix(b"-----BEGIN ")?
                    .strip_suffix(b"-----")?;
                Some(String::from_utf8_lossy(label).into_owned())
            })
    }

    /// Every certificate of the file; at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates = CertificateDer::pem_slice_iter(&self.content)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.wrong(format!("malformed PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(self.wrong("there is no CERTIFICATE block in it"));
        }
        Ok(certificates)
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        use rustls_pki_types::pem::Error;
        PrivateKeyDer::from_pem_slice(&self.content).map_err(|error| match error {
            Error::NoItemsFound => self
                .wrong("there is no unencrypted private key in it (PKCS#8, PKCS#1 or SEC1 in PEM)"),
            error => self.wrong(format!("malformed PEM: {error}")),
        })
    }

    /// A CA file: certificates and nothing else.
    pub(super) fn authorities(&self) -> Result<RootCertStore, TlsError> {
        if let Some(other) = self.labels().find(|label| label != "CERTIFICATE") {
            return Err(self.wrong(format!(
                "a CA file holds certificates only, but there is a {other} block in it"
            )));
        }
        let mut store = RootCertStore::empty();
        for certificate in self.certificates()? {
            identity::check_key_length(&self.path, &certificate)?;
            store.add(certificate).map_err(|error| {
                self.wrong(format!("a certificate in it is malformed: {error}"))
            })?;
        }
        Ok(store)
    }
}

/// The authorities that the operating system trusts. `SSL_CERT_FILE` overrides where
/// they are looked for, as it does for Go and OpenSSL.
pub(super) fn system_roots() -> Result<RootCertStore, TlsError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let path = named
        .or_else(|| {
            SYSTEM_BUNDLES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        })
        .ok_or(TlsError::NoSystemRoots)?;
    let mut store = RootCertStore::empty();
    // Bundles carry a few certificates that rustls does not take; the rest counts.
    let (taken, _) = store.add_parsable_certificates(PemFile::read(&path)?.certificates()?);
    if taken == 0 {
        return Err(TlsError::NoSystemRoots);
    }
    Ok(store)
}
