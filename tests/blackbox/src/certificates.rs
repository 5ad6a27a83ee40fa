//! Certificates, good and bad.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// PEM files of one identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// It was once.
    Expired,
}

/// An authority of the tests' own, in a directory that goes with the value.
pub struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn create() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "black-box authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        fs::write(directory.path().join("ca.crt"), cert.pem()).expect("written");
        Self {
            directory,
            issuer: Issuer::new(params, key),
        }
    }

    /// Its certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Issues an identity for `name`, as server and client.
    pub fn issue(&self, name: &str, validity: Validity) -> Identity {
        self.issue_into(self.directory.path(), name, validity)
    }

    /// The same with its files in `directory`.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn issue_into(&self, directory: &Path, name: &str, validity: Validity) -> Identity {
        let names = [
            name.to_owned(),
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
        ];
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if validity == Validity::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            cert: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        };
        fs::write(&identity.cert, cert.pem()).expect("written");
        fs::write(&identity.key, key.serialize_pem()).expect("written");
        identity
    }
}
