use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_authority_is_made_once_and_kept() {
    let dir = TempDir::new().unwrap();
    let certs = dir.path().join("data/certs");
    let first = Authority::ensure(&certs).unwrap();
    assert_eq!(mode(&certs.join("ca.key")), 0o600);
    assert_eq!(mode(&certs.join("ca.crt")), 0o644);
    let second = Authority::ensure(&certs).unwrap();
    assert_eq!(first.pair(), second.pair());
}

#[test]
fn half_an_authority_is_not_replaced() {
    for (gone, there) in [("ca.key", "ca.crt"), ("ca.crt", "ca.key")] {
        let dir = TempDir::new().unwrap();
        Authority::ensure(dir.path()).unwrap();
        fs::remove_file(dir.path().join(gone)).unwrap();
        let error = Authority::ensure(dir.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("{gone} is missing")), "{error}");
        assert!(error.contains(there), "{error}");
    }
}

#[test]
fn a_loaded_authority_issues_what_its_certificate_vouches_for() {
    let dir = TempDir::new().unwrap();
    Authority::ensure(dir.path()).unwrap();
    let pair = Authority::ensure(dir.path())
        .unwrap()
        .issue(&["doppler", "127.0.0.1", "::1"], DAY)
        .unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(pair.cert.as_bytes()).unwrap();
    let leaf = pem.parse_x509().unwrap();
    let (_, ca) =
        x509_parser::pem::parse_x509_pem(&fs::read(dir.path().join("ca.crt")).unwrap()).unwrap();
    assert_eq!(leaf.issuer(), ca.parse_x509().unwrap().subject());
    assert!(leaf.subject().to_string().contains("CN=doppler"));
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && usage.client_auth);
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(names.general_names.len(), 3);
    assert!(!leaf.is_ca());
}

#[test]
fn names_that_no_peer_could_check_are_refused() {
    let authority = Authority::create("test", DAY).unwrap();
    for names in [&["not a name"][..], &[""], &[]] {
        let error = authority.issue(names, DAY).unwrap_err();
        assert!(matches!(error, PkiError::Name { .. }), "{error}");
    }
    authority.issue(&["*.routers.internal"], DAY).unwrap();
}

#[test]
fn nothing_is_overwritten_silently() {
    let dir = TempDir::new().unwrap();
    let (cert, key) = (dir.path().join("a.crt"), dir.path().join("a.key"));
    let authority = Authority::create("test", DAY).unwrap();
    let old = authority.issue(&["a"], DAY).unwrap();
    write_pair(&old, &cert, &key).unwrap();
    assert_eq!(mode(&key), 0o600);

    let new = authority.issue(&["a"], DAY).unwrap();
    let error = write_pair(&new, &cert, &key).unwrap_err();
    assert!(
        error.to_string().contains("a.crt exists already"),
        "{error}"
    );
    fs::remove_file(&cert).unwrap();
    let error = write_pair(&new, &cert, &key).unwrap_err();
    assert!(
        error.to_string().contains("a.key exists already"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&key).unwrap(), old.key);

    replace_pair(&new, &cert, &key).unwrap();
    assert_eq!(fs::read_to_string(&key).unwrap(), new.key);
    assert_eq!(fs::read_to_string(&cert).unwrap(), new.cert);
    assert_eq!(mode(&key), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn renewal_is_due_in_the_last_third() {
    let dir = TempDir::new().unwrap();
    let (cert, key) = (dir.path().join("a.crt"), dir.path().join("a.key"));
    let pair = Authority::create("test", DAY).unwrap();
    write_pair(&pair.issue(&["a"], 90 * DAY).unwrap(), &cert, &key).unwrap();
    let now = SystemTime::now();
    for (days, due) in [(0, false), (59, false), (61, true), (89, true), (91, true)] {
        assert_eq!(
            needs_renewal(&cert, now + days * DAY).unwrap(),
            due,
            "{days}"
        );
    }
    let error = needs_renewal(&key, now).unwrap_err();
    assert!(error.to_string().contains("a.key: "), "{error}");
    assert!(needs_renewal(&dir.path().join("none"), now).is_err());
}

#[test]
fn keys_do_not_appear_in_debug_output() {
    let authority = Authority::create("test", DAY).unwrap();
    let text = format!("{:?}", authority.pair());
    assert!(!text.contains("PRIVATE"), "{text}");
}
