//! Finds the running system: flags, `LOGWEIR_*` variables, or what `logweir run`
//! left in its data directory.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::Args;
use logweir_client::{Endpoint, EndpointError, TlsFiles};

/// File in the data directory that says where the doors are: a flat JSON object
/// from door name to `host:port`.
pub const ENDPOINTS_FILE: &str = "endpoints.json";
/// Directory of certificates in the data directory.
pub const CERTS_DIR: &str = "certs";

/// Where `logweir run` keeps its state unless told otherwise:
/// `$XDG_STATE_HOME/logweir`, else `~/.local/state/logweir`.
pub fn default_data_dir() -> PathBuf {
    state_dir(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))
}

/// The XDG base directory rule: a relative path in the variable counts as unset.
fn state_dir(xdg: Option<OsString>, home: Option<OsString>) -> PathBuf {
    match xdg.map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(state) => state.join("logweir"),
        None => PathBuf::from(home.unwrap_or_else(|| "/".into())).join(".local/state/logweir"),
    }
}

/// How to find the running system, and who we are to it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Finding the running system")]
pub struct Connection {
    /// Data directory of `logweir run` [default: $XDG_STATE_HOME/logweir or
    /// ~/.local/state/logweir]
    #[arg(long, env = "LOGWEIR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Authorities that sign the other side [default: DATA_DIR/certs/ca.crt]
    #[arg(long, env = "LOGWEIR_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate [default: DATA_DIR/certs/client.crt]
    #[arg(long, env = "LOGWEIR_CERT", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Our private key [default: DATA_DIR/certs/client.key]
    #[arg(long, env = "LOGWEIR_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// A door that a verb connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Takes envelopes: `logweir run`'s local ingress, or an agent.
    Ingress,
    /// Gives envelopes: `logweir run`'s gRPC door, or a reverse log proxy.
    Grpc,
    /// Answers HTTP: `logweir run`'s front door, or a traffic controller.
    Http,
}

impl Door {
    /// Its key in `endpoints.json`.
    fn key(self) -> &'static str {
        match self {
            Door::Ingress => "ingress",
            Door::Grpc => "grpc",
            Door::Http => "http",
        }
    }

    /// The flag that names its address.
    fn flag(self) -> &'static str {
        match self {
            Door::Ingress => "--ingress-addr",
            Door::Grpc => "--grpc-addr",
            Door::Http => "--url",
        }
    }

    /// The name that its certificate carries, as the peers' do.
    fn server_name(self) -> &'static str {
        match self {
            Door::Ingress => "metron",
            Door::Grpc => "reverselogproxy",
            Door::Http => "trafficcontroller",
        }
    }
}

impl Connection {
    /// `host:port` of the door, as the running system left it in its data directory.
    pub fn address(&self, door: Door) -> Result<String, EndpointError> {
        from_file(&self.directory(), door)
    }

    fn directory(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_dir)
    }

    /// The door, at `address` if one was given.
    pub fn endpoint(&self, door: Door, address: Option<&str>) -> Result<Endpoint, EndpointError> {
        let data_dir = self.directory();
        let address = match address {
            Some(address) => address.to_owned(),
            None => from_file(&data_dir, door)?,
        };
        let made = TlsFiles::in_dir(&data_dir.join(CERTS_DIR));
        let tls = TlsFiles {
            ca: self.ca.clone().unwrap_or(made.ca),
            cert: self.cert.clone().unwrap_or(made.cert),
            key: self.key.clone().unwrap_or(made.key),
        };
        Ok(Endpoint::new(address, door.server_name()).tls(tls))
    }
}

fn from_file(data_dir: &Path, door: Door) -> Result<String, EndpointError> {
    let file = data_dir.join(ENDPOINTS_FILE);
    let not_found = |why: String| {
        EndpointError::NotFound(format!(
            "no running logweir found ({why}): start one with `logweir run`, or give {}",
            door.flag()
        ))
    };
    let text = std::fs::read_to_string(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => not_found(format!("there is no {}", file.display())),
        _ => EndpointError::NotFound(format!(
            "cannot read {}: {error}; give {}",
            file.display(),
            door.flag()
        )),
    })?;
    let doors: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| {
        EndpointError::NotFound(format!(
            "{} is damaged ({error}): restart `logweir run`, or give {}",
            file.display(),
            door.flag()
        ))
    })?;
    let missing = || not_found(format!("{} names no {} door", file.display(), door.key()));
    doors.get(door.key()).cloned().ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(data_dir: &Path) -> Connection {
        Connection {
            data_dir: Some(data_dir.into()),
            ..Connection::default()
        }
    }

    #[test]
    fn the_default_directory_follows_the_xdg_rule() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(
            state_dir(some("/state"), some("/home/a")),
            Path::new("/state/logweir")
        );
        let at_home = Path::new("/home/a/.local/state/logweir");
        assert_eq!(state_dir(None, some("/home/a")), at_home);
        assert_eq!(state_dir(some("relative"), some("/home/a")), at_home);
    }

    #[test]
    fn a_door_is_read_from_the_data_directory_with_its_certificates() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(ENDPOINTS_FILE),
            r#"{"http":"127.0.0.1:1","grpc":"127.0.0.1:2","ingress":"127.0.0.1:3","syslog":"x"}"#,
        )
        .unwrap();
        let found = connection(dir.path()).endpoint(Door::Grpc, None).unwrap();
        assert_eq!(found.addresses, ["127.0.0.1:2"]);
        assert_eq!(found.server_name, "reverselogproxy");
        assert_eq!(found.tls.unwrap().cert, dir.path().join("certs/client.crt"));
        let found = connection(dir.path())
            .endpoint(Door::Ingress, Some("agent:3458"))
            .unwrap();
        assert_eq!(found.addresses, ["agent:3458"]);
        assert_eq!(found.server_name, "metron");
    }

    #[test]
    fn flags_win_over_the_files_in_the_data_directory() {
        let connection = Connection {
            ca: Some("other/ca.pem".into()),
            ..connection(Path::new("/data"))
        };
        let tls = connection
            .endpoint(Door::Grpc, Some("rlp:8082"))
            .unwrap()
            .tls
            .unwrap();
        assert_eq!(tls.ca, Path::new("other/ca.pem"));
        assert_eq!(tls.key, Path::new("/data/certs/client.key"));
    }

    #[test]
    fn errors_name_the_file_and_the_flag() {
        let dir = tempfile::tempdir().unwrap();
        let say = |door| {
            connection(dir.path())
                .endpoint(door, None)
                .unwrap_err()
                .to_string()
        };
        let words = say(Door::Grpc);
        assert!(words.starts_with("no running logweir found"), "{words}");
        assert!(
            words.ends_with("start one with `logweir run`, or give --grpc-addr"),
            "{words}"
        );
        std::fs::write(dir.path().join(ENDPOINTS_FILE), r#"{"http":"127.0.0.1:1"}"#).unwrap();
        assert!(
            say(Door::Ingress).contains("names no ingress door"),
            "{}",
            say(Door::Ingress)
        );
        std::fs::write(dir.path().join(ENDPOINTS_FILE), "{").unwrap();
        assert!(
            say(Door::Ingress).contains("is damaged"),
            "{}",
            say(Door::Ingress)
        );
    }
}
