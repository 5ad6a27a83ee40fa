//! The traffic controller under its peer's name (spec loggregator-v1 §4.9,
//! loggregator-v2 §7.6).

use std::{collections::BTreeMap, time::Duration};

use logweir_serve::{
    auth::{AuthConfig, CapiConfig, UaaConfig},
    gateway::HttpsFiles,
    settings::{SelfMetricsConfig, TlsFiles},
    traffic_controller::{CookieConfig, TrafficControllerConfig},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    every_interface, local, named_files, port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with.
pub(crate) const REFUSED: &str = "Unable to load config: ";

/// A setting whose value the report shows.
const fn shown(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC339", "USE_RFC339"), false);
    let ip = env.text(shown("Config.IP", "TRAFFIC_CONTROLLER_IP"), "");
    let api = env.text(shown("Config.ApiHost", "TRAFFIC_CONTROLLER_API_HOST"), "");
    let listen = shown(
        "Config.OutgoingDropsondePort",
        "TRAFFIC_CONTROLLER_OUTGOING_DROPSONDE_PORT",
    );
    let listen = env.unsigned(listen, "uint32", 32, 0);
    let cert = shown(
        "Config.OutgoingCertFile",
        "TRAFFIC_CONTROLLER_OUTGOING_CERT_FILE",
    );
    let key = shown(
        "Config.OutgoingKeyFile",
        "TRAFFIC_CONTROLLER_OUTGOING_KEY_FILE",
    );
    let https = HttpsFiles {
        cert: env.text(cert, "").into(),
        key: env.text(key, "").into(),
    };
    let domain = shown("Config.SystemDomain", "TRAFFIC_CONTROLLER_SYSTEM_DOMAIN");
    let domain = env.text(domain, "");
    let skip_verify = shown(
        "Config.SkipCertVerify",
        "TRAFFIC_CONTROLLER_SKIP_CERT_VERIFY",
    );
    let skip_verify = env.flag(skip_verify, false);
    let uaa = uaa(&mut env, skip_verify);
    let log = shown(
        "Config.SecurityEventLog",
        "TRAFFIC_CONTROLLER_SECURITY_EVENT_LOG",
    );
    let security_log = env.text(log, "");
    let pprof = shown("Config.PProfPort", "TRAFFIC_CONTROLLER_PPROF_PORT");
    let pprof = env.unsigned(pprof, "uint32", 32, 0);
    let interval = shown(
        "Config.MetricEmitterInterval",
        "TRAFFIC_CONTROLLER_METRIC_EMITTER_INTERVAL",
    );
    let interval = env.duration(interval, Duration::from_secs(60));
    let open = shown(
        "Config.DisableAccessControl",
        "TRAFFIC_CONTROLLER_DISABLE_ACCESS_CONTROL",
    );
    let open = env.flag(open, false);
    let routers = env.list(shown("Config.RouterAddrs", "ROUTER_ADDRS"));
    let capi = capi(&mut env, api, skip_verify);
    let agent = env.text(field("Agent.GRPCAddress", "AGENT_GRPC_ADDRESS"), "");
    let router_tls = TlsFiles {
        ca: env.text(field("GRPC.CAFile", "ROUTER_CA_FILE"), "").into(),
        cert: env
            .text(field("GRPC.CertFile", "ROUTER_CERT_FILE"), "")
            .into(),
        key: env
            .text(field("GRPC.KeyFile", "ROUTER_KEY_FILE"), "")
            .into(),
    };
    let rows = env.finish()?;
    complete(&domain, &ip, &router_tls, &uaa)?;
    named_files(&[
        ("TRAFFIC_CONTROLLER_OUTGOING_CERT_FILE", &https.cert),
        ("TRAFFIC_CONTROLLER_OUTGOING_KEY_FILE", &https.key),
    ])?;
    // Without access control nobody is asked.
    let auth = AuthConfig {
        uaa: Some(uaa).filter(|uaa| !open && !uaa.url.is_empty()),
        capi: Some(capi).filter(|capi| !open && !capi.url.is_empty()),
        ..AuthConfig::default()
    };
    let config = TrafficControllerConfig {
        listen: every_interface(port(listen)?),
        https: Some(https),
        routers: routers
            .into_iter()
            .filter(|addr| !addr.is_empty())
            .collect(),
        router_tls,
        auth,
        cookie: CookieConfig {
            domain: format!("doppler.{domain}"),
            ..CookieConfig::default()
        },
        security_log: (!security_log.is_empty()).then(|| security_log.into()),
        // A name is no address; the log then shows where the door listens.
        security_log_address: ip.parse().ok(),
        status: Some(local(port(pprof)?)),
        self_metrics: SelfMetricsConfig {
            agent,
            interval,
            ..SelfMetricsConfig::default()
        },
        ..TrafficControllerConfig::default()
    };
    let config = RoleConfig::TrafficController(Box::new(config));
    Ok(Peer {
        open,
        ..Peer::new(Format::Micros, rfc3339, &rows, config)
    })
}

fn uaa(env: &mut Environment<'_>, skip_verify: bool) -> UaaConfig {
    let url = shown("Config.UaaHost", "TRAFFIC_CONTROLLER_UAA_HOST");
    let url = env.text(url, "");
    let client = shown("Config.UaaClient", "TRAFFIC_CONTROLLER_UAA_CLIENT");
    let client_id = env.text(client, "");
    let secret = field(
        "Config.UaaClientSecret",
        "TRAFFIC_CONTROLLER_UAA_CLIENT_SECRET",
    );
    let client_secret = env.text(secret, "");
    let ca = shown("Config.UaaCACert", "TRAFFIC_CONTROLLER_UAA_CA_CERT");
    let ca = env.text(ca, "");
    UaaConfig {
        url,
        client_id,
        client_secret,
        ca: ca.into(),
        skip_verify,
    }
}

fn capi(env: &mut Environment<'_>, url: String, skip_verify: bool) -> CapiConfig {
    let mut text = |name, variable| env.text(field(name, variable), "");
    let cert = text("CCTLSClientConfig.CertFile", "CC_CERT_FILE");
    let key = text("CCTLSClientConfig.KeyFile", "CC_KEY_FILE");
    let ca = text("CCTLSClientConfig.CAFile", "CC_CA_FILE");
    let server_name = text("CCTLSClientConfig.ServerName", "CC_SERVER_NAME");
    CapiConfig {
        // Apps alone are asked for, and at the internal address.
        external_url: url.clone(),
        url,
        tls: TlsFiles {
            cert: cert.into(),
            key: key.into(),
            ca: ca.into(),
        },
        server_name,
        skip_verify,
    }
}

/// What the peer checks once the environment is read, in its order and words.
fn complete(domain: &str, ip: &str, tls: &TlsFiles, uaa: &UaaConfig) -> Result<(), String> {
    if domain.is_empty() {
        return Err("need system domain in order to create the proxies".into());
    }
    if ip.is_empty() {
        return Err("need IP address for access logging".into());
    }
    for (name, file) in [
        ("CAFile", &tls.ca),
        ("CertFile", &tls.cert),
        ("KeyFile", &tls.key),
    ] {
        if file.as_os_str().is_empty() {
            return Err(format!("invalid router config, no GRPC.{name} provided"));
        }
    }
    if uaa.client_secret.is_empty() {
        return Err("missing UAA client secret".into());
    }
    if !uaa.url.is_empty() && uaa.ca.as_os_str().is_empty() {
        return Err("missing UAA CA certificate".into());
    }
    Ok(())
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    vec![
        "Startup: Setting up the loggregator traffic controller".into(),
        format!("ws bound to: {}", doors.get("ws")),
        format!("pprof bound to: {}", doors.get("status")),
    ]
}
