//! What a process says when every door is bound.

use std::{net::SocketAddr, path::Path};

use logweir_cli::locate;
use logweir_serve::context::Started;

use crate::{console, data_dir::reachable, role::Role};

/// The doors of `logweir run`, and what to try next.
pub(crate) fn run(running: &Started, data: &Path, https: bool) {
    console::out(&format!("logweir run, data in {}\n", data.display()));
    for (name, address) in running.doors() {
        console::out(&format!(
            "  {name:<10} {address:<22} {}",
            carries(name, https)
        ));
    }
    console::out(&next(running.address("http"), data, https));
    ready();
}

/// The doors of one role.
pub(crate) fn role(role: Role, running: &Started) {
    console::out(&format!("logweir {}\n", role.name()));
    for (name, address) in running.doors() {
        console::out(&format!("  {name:<10} {address}"));
    }
    ready();
}

/// Scripts wait for this line.
fn ready() {
    console::err("logweir ready");
}

fn carries(door: &str, https: bool) -> &'static str {
    match door {
        "http" if https => {
            "HTTPS: /v2/read, /apps/…, /firehose/…, /logs, /channels, /sessions, /api/…, /metrics, /healthz, /readyz"
        }
        "http" => {
            "HTTP: /v2/read, /apps/…, /firehose/…, /logs, /channels, /sessions, /api/…, /metrics, /healthz, /readyz"
        }
        "grpc" => "gRPC with mutual TLS: readers, agents",
        "logplex_nodes" => "gRPC with mutual TLS: other nodes of Logplex",
        "ingress" => "gRPC with mutual TLS: local producers",
        "dropsonde" => "UDP: local producers of V1 (dropsonde) envelopes",
        "syslog" => "TCP: syslog messages, lines of Logplex",
        "syslog_udp" => "UDP: syslog messages",
        "statsd" => "UDP: statsd lines",
        "otlp_grpc" => "gRPC: OpenTelemetry (OTLP)",
        "otlp_http" => "HTTP: OpenTelemetry (OTLP), /v1/logs, /v1/metrics, /v1/traces",
        "legacy" => "UDP: log messages of 2013",
        _ => "",
    }
}

fn next(http: Option<SocketAddr>, data: &Path, https: bool) -> String {
    // A verb finds the default directory by itself.
    let home = locate::default_data_dir();
    let flag = match home.canonicalize().is_ok_and(|home| home == data) {
        true => String::new(),
        false => format!(" --data-dir {}", data.display()),
    };
    let mut text = format!(
        "\nTry:\n  logweir tail{flag} my-app\n  logweir exec{flag} --source-id my-app -- ping localhost"
    );
    if let Some(http) = http {
        let scheme = if https { "https" } else { "http" };
        text.push_str(&format!(
            "\n  curl -N '{scheme}://{}/v2/read?log'",
            reachable(http)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn what_to_try_names_the_data_directory_and_an_address_to_dial() {
        let http = Some(([0, 0, 0, 0], 8080).into());
        let text = super::next(http, Path::new("/srv/weir"), false);
        assert!(
            text.contains("logweir tail --data-dir /srv/weir my-app"),
            "{text}"
        );
        assert!(
            text.contains("'http://127.0.0.1:8080/v2/read?log'"),
            "{text}"
        );
    }
}
