use std::{
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};

use super::{
    PkiError,
    pem_files::{read, write_pair},
};

const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
/// An authority outlives many leaves: replacing it means visiting every machine.
const CA_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Certificates begin to be valid a little earlier, for clocks that run behind.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// A certificate and its key, both PEM. Debug output holds no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// Its private key, PKCS#8.
    pub key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// A certificate authority with an ECDSA P-256 key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pair: Pair,
}

impl Authority {
    /// Makes one called `name`, valid from now for `life`.
    ///
    /// # Errors
    /// The random source or the clock does not work.
    pub fn create(name: &str, life: Duration) -> Result<Self, PkiError> {
        let mut params = params(name, SystemTime::now(), life)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pair = Pair {
            cert: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
        };
        Ok(Self {
            issuer: Issuer::new(params, key),
            pair,
        })
    }

    /// Reads one from its two PEM files.
    ///
    /// # Errors
    /// A file cannot be read, or is no certificate or key.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, PkiError> {
        let pair = Pair {
            cert: read(cert)?,
            key: read(key)?,
        };
        let malformed = |path: &Path, error: rcgen::Error| PkiError::Malformed {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        let signing = KeyPair::from_pem(&pair.key).map_err(|error| malformed(key, error))?;
        let issuer = Issuer::from_ca_cert_pem(&pair.cert, signing)
            .map_err(|error| malformed(cert, error))?;
        Ok(Self { issuer, pair })
    }

    /// The authority of `dir`, in `ca.crt` and `ca.key`; made at the first time, with
    /// the directory.
    ///
    /// # Errors
    /// As [`Authority::load`]; one of the two files is missing; they cannot be written.
    pub fn ensure(dir: &Path) -> Result<Self, PkiError> {
        let (cert, key) = (dir.join(CA_CERT), dir.join(CA_KEY));
        match (cert.exists(), key.exists()) {
            (true, true) => return Self::load(&cert, &key),
            (true, false) => {
                return Err(PkiError::Half {
                    missing: key,
                    present: cert,
                });
            }
            (false, true) => {
                return Err(PkiError::Half {
                    missing: cert,
                    present: key,
                });
            }
            (false, false) => {}
        }
        // A name of its own: one authority in the place of another is then reported as
        // an unknown issuer, not as a bad signature.
        let name = format!("logweir CA {:08x}", fastrand::u32(..));
        let authority = Self::create(&name, CA_LIFE)?;
        write_pair(&authority.pair, &cert, &key)?;
        Ok(authority)
    }

    /// Its own certificate, PEM: what peers get as their CA file.
    pub fn cert(&self) -> &str {
        &self.pair.cert
    }

    /// Its certificate and key.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// A certificate for `names`, DNS names or IP addresses, valid from now for `life`,
    /// for servers and for clients. The first name is its common name.
    ///
    /// # Errors
    /// A name that is none, or no name at all.
    pub fn issue(&self, names: &[&str], life: Duration) -> Result<Pair, PkiError> {
        self.issue_from(names, SystemTime::now(), life)
    }

    /// [`Authority::issue`], valid from `begin`.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_from(
        &self,
        names: &[&str],
        begin: SystemTime,
        life: Duration,
    ) -> Result<Pair, PkiError> {
        let first = names.first().copied().unwrap_or_default();
        let mut params = params(first, begin, life)?;
        params.subject_alt_names = names
            .iter()
            .copied()
            .map(alt_name)
            .collect::<Result<_, _>>()?;
        if names.is_empty() {
            return Err(PkiError::Name {
                name: String::new(),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(Pair {
            cert: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, begin: SystemTime, life: Duration) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    let earlier = begin.checked_sub(CLOCK_SKEW).unwrap_or(begin);
    params.not_before = earlier.into();
    params.not_after = begin.checked_add(life).ok_or(rcgen::Error::Time)?.into();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn alt_name(name: &str) -> Result<SanType, PkiError> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(ip));
    }
    let wrong = || PkiError::Name {
        name: name.to_owned(),
    };
    // As strict as the side that will check it.
    rustls_pki_types::DnsName::try_from(name.strip_prefix("*.").unwrap_or(name))
        .map_err(|_| wrong())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| wrong())?))
}
