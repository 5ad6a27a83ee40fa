//! What the hosts of a deployment have: certificates, and a process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use logweir_client::{Endpoint, TlsFiles};
use logweir_net::{pki, shutdown::Shutdown};
use logweir_serve::{context::ServeContext, settings};
use tokio::sync::{Notify, watch};

/// Certificates of every role.
pub(crate) struct Hosts {
    dir: tempfile::TempDir,
}

impl Hosts {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = pki::Authority::ensure(dir.path()).unwrap();
        let names = [
            "doppler",
            "metron",
            "reverselogproxy",
            "client",
            "127.0.0.1",
        ];
        let pair = authority
            .issue(&names, Duration::from_secs(86_400))
            .unwrap();
        pki::write_pair(
            &pair,
            &dir.path().join("own.crt"),
            &dir.path().join("own.key"),
        )
        .unwrap();
        Self { dir }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn tls(&self) -> settings::TlsFiles {
        settings::TlsFiles {
            cert: self.file("own.crt"),
            key: self.file("own.key"),
            ca: self.file("ca.crt"),
        }
    }

    pub(crate) fn endpoint(&self, address: SocketAddr, name: &str) -> Endpoint {
        let path = |file: &str| -> Box<Path> { self.file(file).into() };
        Endpoint::new(address.to_string(), name).tls(TlsFiles {
            ca: path("ca.crt").into(),
            cert: path("own.crt").into(),
            key: path("own.key").into(),
        })
    }
}

/// Any free port.
pub(crate) fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// A process of its own.
pub(crate) fn context() -> ServeContext {
    let (sender, live) = watch::channel(settings::Live::default());
    // Kept open for the life of the test process.
    std::mem::forget(sender);
    ServeContext {
        shutdown: Shutdown::new(),
        reload: Arc::new(Notify::new()),
        live,
        access_log: false,
        insecure: false,
    }
}
