//! `logweir run` with every door on a free port.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use logweir_net::{
    dial::{DialError, DialSettings, Dialer, H2},
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    certificates::Identity,
    envelopes::{everything, log, logs_of},
    http,
    patience::{eventually, within},
    process::{Process, logweir},
    stream::{Producer, Reader, prime},
};

/// A whole system in one process.
pub struct System {
    /// The process.
    pub process: Process,
    /// Its data directory.
    pub data: TempDir,
    doors: BTreeMap<String, String>,
}

impl System {
    /// Starts one with the default settings.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with this configuration file.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start_with(config: &str) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        fs::write(data.path().join(CONFIG), config).expect("written");
        let process = run(data.path()).await;
        let doors = doors(data.path());
        Self {
            process,
            data,
            doors,
        }
    }

    /// Kills the process, does something, and starts one in its place over the same data. Its
    /// doors are others.
    pub async fn killed(&mut self, meanwhile: impl Future<Output = ()>) {
        self.replaced(Signal::SIGKILL, meanwhile).await;
    }

    /// The same for a process that is asked to end.
    pub async fn stopped(&mut self) {
        self.replaced(Signal::SIGTERM, async {}).await;
    }

    async fn replaced(&mut self, signal: Signal, meanwhile: impl Future<Output = ()>) {
        self.process.signal(signal);
        self.process.end().await;
        meanwhile.await;
        self.process = run(self.data.path()).await;
        self.doors = doors(self.data.path());
    }

    /// `host:port` of a door: `http`, `grpc`, `ingress`.
    ///
    /// # Panics
    /// When there is no such door.
    pub fn door(&self, name: &str) -> &str {
        self.doors
            .get(name)
            .unwrap_or_else(|| panic!("no door {name} in endpoints.json"))
    }

    /// A file of its certificates.
    pub fn cert_file(&self, name: &str) -> PathBuf {
        self.data.path().join("certs").join(name)
    }

    /// The identity that it made for clients.
    pub fn client(&self) -> Identity {
        Identity {
            cert: self.cert_file("client.crt"),
            key: self.cert_file("client.key"),
        }
    }

    /// Dials a door as its own client.
    ///
    /// # Panics
    /// When the connection fails.
    pub async fn dial(&self, door: &str) -> H2 {
        let client = self.client();
        self.dial_as(door, Some(&client))
            .await
            .expect("a connection")
    }

    /// Dials a door as somebody else, or as nobody.
    ///
    /// # Errors
    /// As the dialler says.
    ///
    /// # Panics
    /// When the identity cannot be loaded.
    pub async fn dial_as(&self, door: &str, client: Option<&Identity>) -> Result<H2, DialError> {
        let name = if door == "ingress" {
            "metron"
        } else {
            "reverselogproxy"
        };
        let pair = client.map(|identity| (identity.cert.as_path(), identity.key.as_path()));
        let ca = self.cert_file("ca.crt");
        let tls = ClientTls::load(Some(&ca), pair, Verify::Ca, &[], Alpn::H2).expect("an identity");
        let dialer = Dialer::new(Some(tls), name.into(), DialSettings::default());
        let address: SocketAddr = self.door(door).parse().expect("an address");
        within("a connection", dialer.connect(address)).await
    }

    /// A producer and a reader of the logs of `source`, each on a connection of its own,
    /// with nothing left on the way between them.
    pub async fn pair(&self, source: &str) -> (Producer, Reader) {
        let producer = Producer::open(&self.dial("ingress").await);
        let mut reader = Reader::open(&self.dial("grpc").await, &logs_of(source));
        prime(&producer, &mut reader, &log(source, PROBE)).await;
        (producer, reader)
    }

    /// A reader of everything, whose subscription stands.
    pub async fn reader(&self) -> Reader {
        let subscriptions = async || {
            let page = self.metrics().await;
            http::sum(&page, "subscriptions", &["role=\"router\""])
        };
        let before = subscriptions().await;
        let reader = Reader::open(&self.dial("grpc").await, &everything());
        eventually("the subscription stands", async || {
            (subscriptions().await > before).then_some(())
        })
        .await;
        reader
    }

    /// Reads up to the log `last`, which must come; gives what came, probes left out.
    pub async fn read_to(&self, reader: &mut Reader, last: &str) -> Vec<v2::Envelope> {
        let is_last = |envelope: &v2::Envelope| crate::envelopes::payload(envelope) == last;
        let mut all = reader.until(|all| all.iter().any(is_last)).await;
        all.retain(|envelope| crate::envelopes::payload(envelope) != PROBE);
        all
    }

    /// The metrics page.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn metrics(&self) -> String {
        let (status, page) = http::get(self.door("http"), "/metrics").await;
        assert_eq!(status, 200, "{page}");
        page
    }
}

const CONFIG: &str = "logweir.toml";

async fn run(data: &Path) -> Process {
    let mut command = logweir(["run", "--ephemeral", "--data-dir"]);
    command
        .arg(data)
        .arg("--config")
        .arg(data.join(CONFIG))
        .env("HOME", data);
    let process = Process::start(command);
    process.says("logweir ready").await;
    process
}

fn doors(data: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(data.join("endpoints.json")).expect("endpoints.json");
    serde_json::from_str(&text).expect("a flat object of strings")
}

/// Payload of the logs that open the way.
const PROBE: &str = "probe";
