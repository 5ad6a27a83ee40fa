//! `logweir certs`: an authority, and a certificate for each role of a fleet.

use std::{io::Write, path::PathBuf, time::Duration};

use clap::Args;
use logweir_net::pki::{Authority, PkiError, write_pair};

use crate::exit::Failure;

/// Names that the peers verify, and one for producers and readers.
const ROLES: [&str; 5] = [
    "doppler",
    "metron",
    "reverselogproxy",
    "log-cache",
    "client",
];
const DAY: u64 = 24 * 3600;

/// Arguments of `logweir certs`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  logweir certs --dir certs
  logweir certs --dir certs --name doppler --name metron --san 10.0.1.5
  logweir certs --dir certs --name gateway --san logs.example.com --days 90

Makes ca.crt and ca.key, and NAME.crt and NAME.key for each name. A certificate
carries its name, localhost, 127.0.0.1 and every --san; clients verify the names
doppler (routers), metron (agents), reverselogproxy and log-cache. A directory that has an
authority already keeps it, and gets the new names; nothing is ever overwritten.
Keep ca.key where no role runs.")]
pub struct CertsArgs {
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = "certs")]
    pub dir: PathBuf,
    /// A certificate to make; may be repeated [default: doppler, metron,
    /// reverselogproxy, log-cache, client]
    #[arg(long = "name", value_name = "ROLE", value_parser = role)]
    pub names: Vec<String>,
    /// A further DNS name or IP address for each of them; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    pub sans: Vec<String>,
    /// How long they are valid
    #[arg(long, value_name = "DAYS", default_value = "365", value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub days: u64,
}

/// A role is a file name as well as a DNS name.
fn role(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(fits) {
        return Err("a role is a DNS name, such as doppler or metron".into());
    }
    if text == "ca" {
        return Err("ca is the authority's own name".into());
    }
    Ok(text.into())
}

/// Makes the files, and prints their paths.
pub fn run(args: &CertsArgs) -> Result<(), Failure> {
    let mut names: Vec<&str> = args.names.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = ROLES.to_vec();
    }
    names.sort_unstable();
    names.dedup();
    // All or nothing: checked before the first file is written.
    for name in &names {
        for file in ["crt", "key"] {
            let path = args.dir.join(format!("{name}.{file}"));
            if path.exists() {
                return Err(failed(PkiError::Exists { path }));
            }
        }
    }
    let mut pairs = Vec::new();
    let authority = Authority::ensure(&args.dir).map_err(failed)?;
    let life = Duration::from_secs(args.days * DAY);
    for name in names {
        let mut carried = vec![name, "localhost", "127.0.0.1"];
        carried.extend(args.sans.iter().map(String::as_str));
        carried.dedup();
        pairs.push((name, authority.issue(&carried, life).map_err(failed)?));
    }
    let mut out = std::io::stdout();
    for (name, pair) in pairs {
        let cert = args.dir.join(format!("{name}.crt"));
        let key = args.dir.join(format!("{name}.key"));
        write_pair(&pair, &cert, &key).map_err(failed)?;
        // Who does not read the paths still has the files.
        let _ = writeln!(out, "{}\n{}", cert.display(), key.display());
    }
    let _ = writeln!(out, "{}", args.dir.join("ca.crt").display());
    Ok(())
}

fn failed(error: PkiError) -> Failure {
    match error {
        PkiError::Exists { path } => Failure::new(format!(
            "{} exists already: choose another --dir or --name, or move it away",
            path.display()
        )),
        error => Failure::new(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use logweir_net::tls::{Alpn, ClientTls, Verify};

    use super::*;

    fn args(dir: &std::path::Path, names: &[&str]) -> CertsArgs {
        CertsArgs {
            dir: dir.into(),
            names: names.iter().map(|name| (*name).into()).collect(),
            sans: vec!["10.0.0.1".into()],
            days: 30,
        }
    }

    #[test]
    fn every_role_gets_a_pair_that_loads() {
        let dir = tempfile::tempdir().unwrap();
        run(&args(dir.path(), &[])).unwrap();
        let file = |name: &str| dir.path().join(name);
        for role in ROLES {
            let (cert, key) = (file(&format!("{role}.crt")), file(&format!("{role}.key")));
            let identity = Some((cert.as_path(), key.as_path()));
            ClientTls::load(Some(&file("ca.crt")), identity, Verify::Ca, &[], Alpn::H2).unwrap();
            assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nothing_is_overwritten_and_the_authority_stays() {
        let dir = tempfile::tempdir().unwrap();
        run(&args(dir.path(), &["doppler"])).unwrap();
        let authority = std::fs::read(dir.path().join("ca.crt")).unwrap();
        let failure = run(&args(dir.path(), &["metron", "doppler"])).unwrap_err();
        assert!(
            failure.message.contains("doppler.crt exists already"),
            "{}",
            failure.message
        );
        assert!(!dir.path().join("metron.crt").exists());
        run(&args(dir.path(), &["metron"])).unwrap();
        assert_eq!(std::fs::read(dir.path().join("ca.crt")).unwrap(), authority);
    }

    #[test]
    fn a_wrong_name_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut wrong = args(dir.path(), &["doppler"]);
        wrong.sans = vec!["not a name".into()];
        assert!(run(&wrong).unwrap_err().message.contains("not a name"));
        assert!(!dir.path().join("doppler.crt").exists());
        for name in ["../doppler", "", "a b", "ca"] {
            assert!(role(name).is_err(), "{name}");
        }
    }
}
