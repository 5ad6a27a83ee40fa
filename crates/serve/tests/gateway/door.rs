//! A gateway on port 0 in front of a stub.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use logweir_net::{
    dial::{DialSettings, Dialer},
    listen,
    resolve::Resolver,
    shutdown::Shutdown,
};
use logweir_serve::{
    auth::{AuthConfig, Authorizer},
    front::{AccessLog, Front, MetricsAccess, Readiness, StatusPages},
    gateway::{Gateway, RemoteRlp, StreamConfig, Upstream},
    metrics::{Registry, Value},
};

use crate::{
    client::Client,
    stub_rlp::{Reply, StubRlp},
};

pub(crate) const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Setup {
    pub(crate) auth: AuthConfig,
    pub(crate) stream: StreamConfig,
    pub(crate) access_log: AccessLog,
    /// Treat the door as one that others reach.
    pub(crate) network: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            auth: AuthConfig::default(),
            stream: StreamConfig::default(),
            access_log: AccessLog::Off,
            network: false,
        }
    }
}

/// A running gateway and its parts.
pub(crate) struct Door {
    pub(crate) addr: SocketAddr,
    pub(crate) stub: StubRlp,
    pub(crate) stub_addr: SocketAddr,
    pub(crate) stub_shutdown: Shutdown,
    pub(crate) shutdown: Shutdown,
    pub(crate) registry: Registry,
    pub(crate) readiness: Readiness,
}

impl Door {
    /// Before a stub over gRPC.
    pub(crate) async fn open(reply: Reply, setup: Setup) -> Self {
        let (stub_shutdown, shutdown) = (Shutdown::new(), Shutdown::new());
        let (stub, stub_addr) = StubRlp::start(ANY_PORT, reply, &stub_shutdown).await;
        let readiness = Readiness::new();
        let name = "reverselogproxy".to_owned();
        let remote = RemoteRlp::start(
            stub_addr.to_string().parse().unwrap(),
            Dialer::new(None, name, DialSettings::default()),
            Resolver::new(),
            readiness.part("reverse log proxy"),
            &shutdown,
        );
        let upstream = Upstream::Remote(remote);
        let (addr, registry) = serve(upstream, setup, &readiness, &shutdown).await;
        Self {
            addr,
            stub,
            stub_addr,
            stub_shutdown,
            shutdown,
            registry,
            readiness,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Client {
        Client::send(self.addr, "GET", target, &[]).await
    }

    pub(crate) fn counted(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.registry.snapshot().value(name, labels) {
            Some(Value::Count(count)) => count as f64,
            Some(Value::Level(level)) => level,
            None => 0.0,
        }
    }
}

/// Serves a gateway on port 0: its address and its metrics.
pub(crate) async fn serve(
    upstream: Upstream,
    setup: Setup,
    readiness: &Readiness,
    shutdown: &Shutdown,
) -> (SocketAddr, Registry) {
    let registry = Registry::new();
    let listener = listen::bind(ANY_PORT).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let seen = if setup.network {
        SocketAddr::from(([10, 0, 0, 1], 8088))
    } else {
        addr
    };
    let authorizer = Arc::new(Authorizer::new(&setup.auth, seen, false, &registry).unwrap());
    let stop = shutdown.stop.clone();
    let gateway = Gateway::new(upstream, authorizer.clone(), setup.stream, &registry, stop);
    let status = StatusPages {
        readiness: readiness.clone(),
        registries: vec![("gateway", registry.clone())],
        access: MetricsAccess::of_door(seen, Some(authorizer)),
    };
    let front = Front::new(Some(gateway), Some(status), setup.access_log);
    let settings = Front::http_settings();
    tokio::spawn(listen::serve(
        listener,
        None,
        settings,
        front,
        shutdown.clone(),
    ));
    (addr, registry)
}

/// Settings of streams that beat and close quickly.
pub(crate) fn stream(heartbeat: u64, timeout: u64) -> StreamConfig {
    StreamConfig {
        heartbeat: Duration::from_millis(heartbeat),
        timeout: Duration::from_millis(timeout),
        ..StreamConfig::default()
    }
}
