//! The gateway under its peer's name (spec loggregator-v2 §6, §7.5).

use std::{
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use logweir_serve::{
    auth::{AuthConfig, CapiConfig, UaaConfig},
    gateway::{GatewayConfig, HttpsFiles, StreamConfig},
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    every_interface, local, port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "failed to load config from environment: ";

/// A path or address that the peer cannot do without and shows in its report.
const fn needed(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).required().shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let rlp = env.text(needed("Config.LogsProviderAddr", "LOGS_PROVIDER_ADDR"), "");
    let rlp_tls = TlsFiles {
        ca: env
            .text(
                needed("Config.LogsProviderCAPath", "LOGS_PROVIDER_CA_PATH"),
                "",
            )
            .into(),
        cert: env
            .text(
                needed(
                    "Config.LogsProviderClientCertPath",
                    "LOGS_PROVIDER_CLIENT_CERT_PATH",
                ),
                "",
            )
            .into(),
        key: env
            .text(
                needed(
                    "Config.LogsProviderClientKeyPath",
                    "LOGS_PROVIDER_CLIENT_KEY_PATH",
                ),
                "",
            )
            .into(),
    };
    let rlp_name = env.text(
        field("Config.LogsProviderCommonName", "LOGS_PROVIDER_COMMON_NAME").shown(),
        "reverselogproxy",
    );
    let skip_verify = env.flag(
        field("Config.SkipCertVerify", "SKIP_CERT_VERIFY").shown(),
        false,
    );
    let pprof = env.unsigned(field("Config.PProfPort", "PPROF_PORT"), "uint32", 32, 0);
    let capi = capi(&mut env, skip_verify);
    let uaa = uaa(&mut env, skip_verify);
    let timeout = env.duration(
        field("Config.StreamTimeout", "STREAM_TIMEOUT").shown(),
        Duration::from_secs(14 * 60),
    );
    let listen = env.text(
        field("HTTP.GatewayAddr", "GATEWAY_ADDR").shown(),
        "127.0.0.1:8088",
    );
    let https = HttpsFiles {
        cert: env
            .text(needed("HTTP.CertPath", "HTTP_CERT_PATH"), "")
            .into(),
        key: env.text(needed("HTTP.KeyPath", "HTTP_KEY_PATH"), "").into(),
    };
    let metrics = env.unsigned(
        field("MetricsServer.Port", "METRICS_PORT").shown(),
        "uint16",
        16,
        0,
    );
    let metrics_tls = TlsFiles {
        ca: env
            .text(needed("MetricsServer.CAFile", "METRICS_CA_FILE_PATH"), "")
            .into(),
        cert: env
            .text(
                needed("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH"),
                "",
            )
            .into(),
        key: env
            .text(needed("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH"), "")
            .into(),
    };
    let rows = env.finish()?;
    let config = GatewayConfig {
        listen: go_address("GATEWAY_ADDR", &listen)?,
        https: Some(https),
        rlp,
        rlp_tls,
        rlp_name,
        auth: AuthConfig {
            uaa: Some(uaa),
            capi: Some(capi),
            ..AuthConfig::default()
        },
        stream: StreamConfig {
            timeout,
            ..StreamConfig::default()
        },
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: Some(local(port(pprof)?)),
    };
    let config = RoleConfig::Gateway(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

fn capi(env: &mut Environment<'_>, skip_verify: bool) -> CapiConfig {
    let mut text = |name, variable| env.text(needed(name, variable), "");
    let url = text("LogAccessAuthorization.Addr", "LOG_ACCESS_ADDR");
    let cert = text("LogAccessAuthorization.CertPath", "LOG_ACCESS_CERT_PATH");
    let key = text("LogAccessAuthorization.KeyPath", "LOG_ACCESS_KEY_PATH");
    let ca = text("LogAccessAuthorization.CAPath", "LOG_ACCESS_CA_PATH");
    let server_name = text(
        "LogAccessAuthorization.CommonName",
        "LOG_ACCESS_COMMON_NAME",
    );
    let external_url = text(
        "LogAccessAuthorization.ExternalAddr",
        "LOG_ACCESS_ADDR_EXTERNAL",
    );
    CapiConfig {
        url,
        external_url,
        tls: TlsFiles {
            cert: cert.into(),
            key: key.into(),
            ca: ca.into(),
        },
        server_name,
        skip_verify,
    }
}

fn uaa(env: &mut Environment<'_>, skip_verify: bool) -> UaaConfig {
    let url = env.text(needed("LogAdminAuthorization.Addr", "LOG_ADMIN_ADDR"), "");
    let id = field("LogAdminAuthorization.ClientID", "LOG_ADMIN_CLIENT_ID");
    let client_id = env.text(id.required(), "");
    let secret = field(
        "LogAdminAuthorization.ClientSecret",
        "LOG_ADMIN_CLIENT_SECRET",
    );
    let client_secret = env.text(secret.required(), "");
    let ca = env.text(
        needed("LogAdminAuthorization.CAPath", "LOG_ADMIN_CA_PATH"),
        "",
    );
    UaaConfig {
        url,
        client_id,
        client_secret,
        ca: ca.into(),
        skip_verify,
    }
}

/// `:8088` is every interface, and a host may be a name.
pub(super) fn go_address(variable: &str, text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: String| format!("{variable} {text:?} is no address to listen on: {why}");
    if let Some(number) = text.strip_prefix(':') {
        let number = number
            .parse::<u16>()
            .map_err(|error| wrong(error.to_string()))?;
        return Ok(every_interface(number));
    }
    text.to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .next()
        .ok_or_else(|| wrong("the name has no address".into()))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    vec![
        "starting RLP gateway".into(),
        format!("Metrics endpoint is listening on {}", doors.get("metrics")),
        format!("http bound to: {}", doors.get("http")),
        format!("pprof bound to: {}", doors.get("status")),
    ]
}
