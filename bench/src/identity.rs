//! Certificates for one invocation: an authority and an identity for each role.

use std::{fs, path::PathBuf};

use anyhow::Result;
use logweir_net::tls::TlsPaths;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// The names that callers verify, and the bench itself.
const ROLES: [&str; 8] = [
    "doppler",
    "reverselogproxy",
    "trafficcontroller",
    "metron",
    SINK,
    CACHE,
    LOG_CACHE,
    CLIENT,
];
/// The identity of producers and readers.
const CLIENT: &str = "client";
/// The identity of receivers of drains.
const SINK: &str = "sink";
/// The identity of the binding cache, and the name that agents verify.
pub(crate) const CACHE: &str = "bindingcache";
/// The identity of a log cache, and the name that its callers verify.
pub(crate) const LOG_CACHE: &str = "log-cache";

/// PEM files in a directory that goes with the value.
pub(crate) struct Identities {
    directory: TempDir,
}

impl Identities {
    /// Makes them: ECDSA, valid as servers and clients.
    pub(crate) fn create() -> Result<Self> {
        let identities = Self {
            directory: tempfile::tempdir()?,
        };
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "bench authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        fs::write(identities.ca(), authority.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(authority, key);
        for role in ROLES {
            let mut leaf = CertificateParams::new([role.to_owned(), "127.0.0.1".to_owned()])?;
            leaf.distinguished_name.push(DnType::CommonName, role);
            leaf.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let key = KeyPair::generate()?;
            let (cert, key_file) = identities.pair(role);
            fs::write(cert, leaf.signed_by(&key, &issuer)?.pem())?;
            fs::write(key_file, key.serialize_pem())?;
        }
        Ok(identities)
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Certificate and key of the bench itself.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        self.pair(CLIENT)
    }

    /// What receivers of drains load.
    pub(crate) fn sink(&self) -> TlsPaths {
        self.server(SINK)
    }

    /// What the binding cache loads.
    pub(crate) fn cache(&self) -> TlsPaths {
        self.server(CACHE)
    }

    fn server(&self, role: &str) -> TlsPaths {
        let (cert, key) = self.pair(role);
        TlsPaths {
            cert,
            key,
            ca: self.ca(),
        }
    }

    /// The variables that give a role its identity.
    pub(crate) fn role(
        &self,
        role: &str,
        cert: &'static str,
        key: &'static str,
        ca: &'static str,
    ) -> Vec<(&'static str, String)> {
        let (cert_file, key_file) = self.pair(role);
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        vec![
            (cert, text(cert_file)),
            (key, text(key_file)),
            (ca, text(self.ca())),
        ]
    }

    fn pair(&self, role: &str) -> (PathBuf, PathBuf) {
        let file = |ending| self.directory.path().join(format!("{role}.{ending}"));
        (file("crt"), file("key"))
    }
}
