//! A log cache and the processes around it under the names of their peers.

use tempfile::TempDir;

use crate::{
    fleet::Fleet,
    http,
    platform::Platform,
    process::{Process, role},
};

/// A node, a gateway, an auth proxy and a syslog server under their peers' names.
pub struct Peers {
    /// The node.
    pub node: Process,
    /// The auth proxy.
    pub proxy: Process,
    /// The syslog server.
    pub syslog: Process,
    _gateway: Process,
    _links: TempDir,
}

/// Where a door of a process is.
pub async fn address(process: &Process, door: &str) -> String {
    format!("127.0.0.1:{}", process.port(door).await)
}

impl Peers {
    /// Starts them, with plain doors and mutual TLS between them.
    ///
    /// # Panics
    /// When the system refuses.
    pub async fn start(fleet: &Fleet, platform: &Platform) -> Self {
        let links = tempfile::tempdir().expect("a directory");
        let identity = fleet.identity("log-cache");
        let tls = [
            ("CA_PATH", fleet.ca()),
            ("CERT_PATH", identity.cert),
            ("KEY_PATH", identity.key),
        ]
        .map(|(name, path)| (name, path.display().to_string()));
        let start = |name: &str, own: Vec<(&'static str, String)>| {
            let mut environment = own;
            environment.extend(tls.iter().cloned());
            environment.push(("METRICS_PORT", "0".into()));
            Process::start(role(&links, name, &environment))
        };
        let any = || "127.0.0.1:0".to_owned();
        let node = start("log-cache", vec![("ADDR", any())]);
        let at = address(&node, "grpc").await;
        let gateway = vec![("ADDR", any()), ("LOG_CACHE_ADDR", at.clone())];
        let gateway = start("log-cache-gateway", gateway);
        let to = format!("http://{}", address(&gateway, "http").await);
        let proxy = start(
            "cf-auth-proxy",
            vec![
                ("ADDR", any()),
                ("LOG_CACHE_GATEWAY_ADDR", to),
                ("UAA_ADDR", platform.url.clone()),
                ("CAPI_ADDR", platform.url.clone()),
            ],
        );
        let syslog = vec![("SYSLOG_PORT", "0".into()), ("LOG_CACHE_ADDR", at)];
        let syslog = start("syslog-server", syslog);
        Self {
            node,
            proxy,
            syslog,
            _gateway: gateway,
            _links: links,
        }
    }

    /// Status and body of a page of the auth proxy. An empty token is none.
    ///
    /// # Panics
    /// When the answer is no HTTP.
    pub async fn read(&self, path: &str, token: &str) -> (u16, String) {
        let at = address(&self.proxy, "http").await;
        let credential = match token {
            "" => String::new(),
            token => format!("Authorization: bearer {token}\r\n"),
        };
        let request = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\n{credential}\r\n");
        let answer = http::send(&at, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }
}
