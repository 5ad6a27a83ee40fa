use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::*;
use crate::pki::{Authority, Pair};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A directory with `ca.crt`, and `own.crt` and `own.key` for `doppler`.
struct Dir {
    dir: TempDir,
    authority: Authority,
}

impl Dir {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::create("test CA", DAY).unwrap();
        let it = Self { dir, authority };
        it.write("ca.crt", it.authority.cert());
        it.put(&it.authority.issue(&["doppler"], DAY).unwrap());
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn put(&self, pair: &Pair) {
        self.write("own.crt", &pair.cert);
        self.write("own.key", &pair.key);
    }

    fn put_data(&self, name: &str) {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/tests");
        for end in ["crt", "key"] {
            let text = std::fs::read(data.join(format!("{name}.{end}"))).unwrap();
            self.write(&format!("own.{end}"), text);
        }
    }

    fn paths(&self) -> TlsPaths {
        TlsPaths {
            cert: self.path("own.crt"),
            key: self.path("own.key"),
            ca: self.path("ca.crt"),
        }
    }

    fn server(&self) -> Result<ServerTls, TlsError> {
        ServerTls::load(&self.paths(), ClientAuth::Required, &[], Alpn::H2)
    }

    fn client(&self) -> Result<ClientTls, TlsError> {
        let paths = self.paths();
        let identity = Some((paths.cert.as_path(), paths.key.as_path()));
        ClientTls::load(Some(&paths.ca), identity, Verify::Ca, &[], Alpn::H2)
    }

    fn refusal(&self) -> String {
        let server = self.server().unwrap_err().to_string();
        assert_eq!(self.client().unwrap_err().to_string(), server);
        server
    }
}

#[test]
fn an_own_certificate_must_be_valid_now() {
    let dir = Dir::new();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let issue = |begin| {
        let pair = dir.authority.issue_from(&["doppler"], begin, DAY).unwrap();
        dir.put(&pair);
        dir.refusal()
    };
    let expired = issue(long_ago);
    assert!(
        expired.starts_with(
            "failed to load keypair: certificate has expired: \
             validity ended at 2023-11-15 22:13:20 UTC"
        ),
        "{expired}"
    );
    assert!(expired.contains("own.crt"), "{expired}");
    let early = issue(SystemTime::now() + 2 * DAY);
    assert!(
        early.starts_with(
            "failed to load keypair: certificate is not yet valid: validity starts at "
        ),
        "{early}"
    );
}

#[test]
fn short_rsa_keys_are_refused_with_the_remedy() {
    let dir = Dir::new();
    dir.put_data("rsa1024");
    let text = dir.refusal();
    for part in ["own.crt", "1024 bits", "at least 2048", "make a new key"] {
        assert!(text.contains(part), "{text}");
    }
    let dir = Dir::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/tests/rsa1024.crt");
    dir.write("ca.crt", std::fs::read(data).unwrap());
    let text = dir.refusal();
    assert!(text.contains("ca.crt has 1024 bits"), "{text}");
}

#[test]
fn keys_of_all_three_formats_are_read() {
    let dir = Dir::new();
    dir.server().unwrap();
    for data in ["rsa2048", "sec1"] {
        dir.put_data(data);
        dir.server().unwrap();
        dir.client().unwrap();
    }
}

#[test]
fn a_foreign_key_is_refused() {
    let dir = Dir::new();
    let other = dir.authority.issue(&["doppler"], DAY).unwrap();
    dir.write("own.key", &other.key);
    let text = dir.refusal();
    assert!(text.contains("own.key do not fit together"), "{text}");
}

#[test]
fn a_ca_file_holds_certificates_and_nothing_else() {
    let dir = Dir::new();
    let second = Authority::create("second", DAY).unwrap();
    let both = format!("{}{}", dir.authority.cert(), second.cert());
    dir.write("ca.crt", &both);
    assert_eq!(
        authorities(&dir),
        2,
        "several authorities may sign the other side"
    );
    for (text, part) in [
        (String::new(), "there is no CERTIFICATE block in it"),
        (
            both.clone() + &second.pair().key,
            "a PRIVATE KEY block in it",
        ),
        (both.replace("MII", "!!!"), "malformed"),
    ] {
        dir.write("ca.crt", text);
        let refusal = dir.refusal();
        assert!(
            refusal.contains("ca.crt") && refusal.contains(part),
            "{refusal}"
        );
    }
}

fn authorities(dir: &Dir) -> usize {
    let file = files::PemFile::read(&dir.path("ca.crt")).unwrap();
    file.authorities().unwrap().len()
}

#[test]
fn missing_files_and_keys_are_named() {
    let dir = Dir::new();
    dir.write("own.key", dir.authority.cert());
    let text = dir.refusal();
    assert!(
        text.contains("own.key: there is no unencrypted private key in it"),
        "{text}"
    );
    std::fs::remove_file(dir.path("own.crt")).unwrap();
    let text = dir.refusal();
    assert!(
        text.starts_with("cannot read ") && text.contains("own.crt"),
        "{text}"
    );
}

#[test]
fn a_client_that_checks_against_a_ca_file_needs_one() {
    let error = ClientTls::load(None, None, Verify::Ca, &[], Alpn::H2).unwrap_err();
    assert!(matches!(error, TlsError::NoCa));
    ClientTls::load(None, None, Verify::None, &[], Alpn::H2).unwrap();
}

#[test]
fn a_reload_happens_on_change_and_keeps_the_last_good() {
    let dir = Dir::new();
    let (server, client) = (dir.server().unwrap(), dir.client().unwrap());
    let before = (server.current(), client.current());
    assert!(!server.reload().unwrap(), "nothing has changed");
    assert!(!client.reload().unwrap());

    dir.write("own.key", "no key");
    assert!(server.reload().is_err());
    assert!(client.reload().is_err());
    assert!(std::sync::Arc::ptr_eq(&before.0, &server.current()));
    assert!(std::sync::Arc::ptr_eq(&before.1, &client.current()));

    dir.put(&dir.authority.issue(&["doppler"], DAY).unwrap());
    assert!(server.clone().reload().unwrap());
    assert!(client.clone().reload().unwrap());
    assert!(!std::sync::Arc::ptr_eq(&before.0, &server.current()));
    assert!(!std::sync::Arc::ptr_eq(&before.1, &client.current()));
    assert!(!server.reload().unwrap(), "clones share what is in force");
}

#[test]
fn names_are_read_from_a_certificate() {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    let dir = Dir::new();
    let pair = dir
        .authority
        .issue(&["agent", "127.0.0.1", "*.test"], DAY)
        .unwrap();
    let der = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
    assert_eq!(dns_names(&der), ["agent", "*.test"]);
    assert!(dns_names(&CertificateDer::from(vec![1, 2, 3])).is_empty());
}
