//! Certificates and keys on disk: keys for their owner alone, nothing overwritten by
//! accident.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{Pair, PkiError};

const CERT_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// Writes a pair to two new files, and the directories that they need.
///
/// # Errors
/// One of them exists already, or cannot be written. Then neither is left behind.
pub fn write_pair(pair: &Pair, cert: &Path, key: &Path) -> Result<(), PkiError> {
    for path in [cert, key] {
        if path.exists() {
            return Err(PkiError::Exists {
                path: path.to_owned(),
            });
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|source| failed("create", dir, source))?;
        }
    }
    write_new(key, &pair.key, KEY_MODE)?;
    write_new(cert, &pair.cert, CERT_MODE).inspect_err(|_| {
        let _ = fs::remove_file(key);
    })
}

/// Puts a pair in the place of an older one. Each file is whole at every moment.
///
/// # Errors
/// A file cannot be written or moved to its place.
pub fn replace_pair(pair: &Pair, cert: &Path, key: &Path) -> Result<(), PkiError> {
    for (path, text, mode) in [(key, &pair.key, KEY_MODE), (cert, &pair.cert, CERT_MODE)] {
        let new = beside(path);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &new, error));
            }
            _ => {}
        }
        write_new(&new, text, mode)?;
        fs::rename(&new, path).map_err(|source| failed("replace", path, source))?;
    }
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Less than a third of the certificate's life is left at `now`, or nothing.
///
/// # Errors
/// The file cannot be read or is no certificate.
pub fn needs_renewal(cert: &Path, now: SystemTime) -> Result<bool, PkiError> {
    let malformed = |problem: String| PkiError::Malformed {
        path: cert.to_owned(),
        problem,
    };
    let der = CertificateDer::from_pem_slice(read(cert)?.as_bytes())
        .map_err(|error| malformed(error.to_string()))?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| malformed(error.to_string()))?;
    let validity = certificate.validity();
    let (begin, end) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
    Ok(end.saturating_sub(now) < (end - begin) / 3)
}

pub(super) fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| failed("read", path, source))
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => PkiError::Exists {
            path: path.to_owned(),
        },
        _ => failed("write", path, source),
    })
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
