//! An own certificate with its key, and what a certificate says about its holder.

use std::{path::Path, sync::Arc, time::SystemTime};

use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use rustls_pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, public_key::PublicKey,
    time::ASN1Time,
};

use super::{TlsError, files::PemFile};

/// Shortest RSA modulus that rustls signs with and accepts.
const RSA_BITS: usize = 2048;

/// Reads an identity and checks it as the peers do at start: its own dates, and that
/// certificate and key belong together.
pub(super) fn load(
    cert: &PemFile,
    key: &PemFile,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = cert.certificates()?;
    check_key_length(&cert.path, &chain[0])?;
    check_validity(cert, &chain[0], now)?;
    let refused = |source| TlsError::Identity {
        cert: cert.path.clone(),
        key: key.path.clone(),
        source,
    };
    let certified = CertifiedKey::from_der(chain, key.private_key()?, provider).map_err(refused)?;
    Ok(Arc::new(certified))
}

fn parse(path: &Path, der: &CertificateDer<'_>) -> Result<(), TlsError> {
    X509Certificate::from_der(der)
        .map(drop)
        .map_err(|error| TlsError::Pem {
            path: path.to_owned(),
            problem: format!("a certificate in it is malformed: {error}"),
        })
}

/// Refuses RSA keys that rustls would refuse later, in the middle of a handshake and
/// without saying why.
pub(super) fn check_key_length(path: &Path, der: &CertificateDer<'_>) -> Result<(), TlsError> {
    parse(path, der)?;
    if let Ok((_, certificate)) = X509Certificate::from_der(der)
        && let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < RSA_BITS
    {
        return Err(TlsError::WeakKey {
            path: path.to_owned(),
            bits: key.key_size(),
        });
    }
    Ok(())
}

fn check_validity(
    file: &PemFile,
    der: &CertificateDer<'_>,
    now: SystemTime,
) -> Result<(), TlsError> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return parse(&file.path, der);
    };
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
    let validity = certificate.validity();
    let problem = if now > validity.not_after.timestamp() {
        format!(
            "certificate has expired: validity ended at {}",
            spelled(validity.not_after)
        )
    } else if now < validity.not_before.timestamp() {
        format!(
            "certificate is not yet valid: validity starts at {}",
            spelled(validity.not_before)
        )
    } else {
        return Ok(());
    };
    Err(TlsError::Validity {
        path: file.path.clone(),
        problem,
    })
}

/// `2026-11-03 14:05:09 UTC`
fn spelled(time: ASN1Time) -> String {
    let at = time.to_datetime();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// The DNS names that a certificate was issued for; none if it cannot be read.
pub(crate) fn dns_names(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}
