//! Roles as processes of their own, with one authority for all of them.

use std::{fs, path::PathBuf};

use logweir_net::{
    dial::{DialSettings, Dialer, H2},
    tls::{Alpn, ClientTls, Verify},
};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    certificates::{Authority, Identity, Validity},
    patience::within,
    process::{Process, logweir},
};

/// What the processes of a fleet share.
pub struct Fleet {
    authority: Authority,
    directory: TempDir,
}

/// One process of a fleet.
pub struct Member {
    /// The process.
    pub process: Process,
    /// The file of its configuration.
    pub config: PathBuf,
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Fleet {
    /// A fleet without members.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn new() -> Self {
        Self {
            authority: Authority::create(),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// An identity that every member accepts.
    pub fn identity(&self, name: &str) -> Identity {
        self.authority.issue(name, Validity::Now)
    }

    /// The authority itself, for stubs that everybody is to believe.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Dials the gRPC door of a member whose certificate carries `name`.
    ///
    /// # Panics
    /// When the connection fails.
    pub async fn dial(&self, address: &str, name: &str) -> H2 {
        let Identity { cert, key } = self.identity("client");
        let pair = Some((cert.as_path(), key.as_path()));
        let tls = ClientTls::load(Some(&self.ca()), pair, Verify::Ca, &[], Alpn::H2);
        let tls = Some(tls.expect("an identity"));
        let dialer = Dialer::new(tls, name.into(), DialSettings::default());
        let address = address.parse().expect("an address");
        let connection = within("a connection", dialer.connect(address)).await;
        connection.expect("a connection")
    }

    /// The certificate of the authority.
    pub fn ca(&self) -> PathBuf {
        self.authority.ca()
    }

    /// A TLS table of the settings for the member `name`.
    pub fn tls(&self, table: &str, name: &str) -> String {
        let Identity { cert, key } = self.identity(name);
        let ca = self.authority.ca();
        format!("[{table}]\ncert = {cert:?}\nkey = {key:?}\nca = {ca:?}\n")
    }

    /// Starts a role with this configuration and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start(&self, role: &str, config: &str) -> Member {
        let files = fs::read_dir(self.directory.path()).expect("listed").count();
        let file = self.directory.path().join(format!("{role}-{files}.toml"));
        fs::write(&file, config).expect("written");
        let mut command = logweir([role, "--config"]);
        command.arg(&file).env("HOME", self.directory.path());
        let process = Process::start(command);
        process.says("logweir ready").await;
        Member {
            process,
            config: file,
        }
    }

    /// Starts a router on `address`.
    pub async fn router(&self, address: &str) -> Member {
        let tls = self.tls("router.tls", "doppler");
        let config = format!("[router]\nlisten = \"{address}\"\n{tls}");
        self.start("router", &config).await
    }
}

impl Member {
    /// The address of a door, as the process prints it.
    ///
    /// # Panics
    /// When it has no such door.
    pub async fn door(&self, name: &str) -> String {
        let line = self.process.prints(&format!("  {name} ")).await;
        let address = line.split_whitespace().nth(1);
        address.expect("an address").to_owned()
    }

    /// Kills it without a chance to say goodbye.
    pub async fn kill(mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.end().await;
    }
}
