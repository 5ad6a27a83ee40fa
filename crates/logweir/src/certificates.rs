//! The certificates of a process: made at the first start, checked at every one.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use logweir_net::{
    pki::{self, Authority, PkiError},
    tls::{Alpn, ClientAuth, ClientTls, ServerTls, TlsError, TlsPaths, Verify},
};
use logweir_serve::{settings::TlsFiles, syslog_in::SyslogTls};

use crate::{
    config::{
        load::Loaded,
        problem::{ConfigError, Problem},
        settings::Settings,
    },
    role::Role,
};

/// What the server pair is good for: the names that the peers' clients verify, and this
/// machine.
const SERVER_NAMES: [&str; 7] = [
    "doppler",
    "reverselogproxy",
    "metron",
    "log-cache",
    "localhost",
    "127.0.0.1",
    "::1",
];
const CLIENT_NAMES: [&str; 1] = ["logweir-client"];
/// Leaves are renewed by a start in their last third.
const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Makes what is missing of an authority, a server pair and a client pair in `certs`, and
/// renews what is about to expire.
///
/// # Errors
/// A file is damaged or cannot be written; one of a pair's files is missing.
pub(crate) fn ensure(certs: &Path) -> Result<(), PkiError> {
    let now = SystemTime::now();
    let pairs: [(&str, &[&str]); 2] = [("server", &SERVER_NAMES), ("client", &CLIENT_NAMES)];
    for (name, names) in pairs {
        let cert = certs.join(format!("{name}.crt"));
        let key = certs.join(format!("{name}.key"));
        match (cert.exists(), key.exists()) {
            (false, false) => {
                let pair = Authority::ensure(certs)?.issue(names, LIFE)?;
                pki::write_pair(&pair, &cert, &key)?;
            }
            (true, false) => return Err(half(key, cert)),
            (false, true) => return Err(half(cert, key)),
            // Files that somebody brought without the authority's key are theirs to renew.
            (true, true) if certs.join("ca.key").exists() && pki::needs_renewal(&cert, now)? => {
                let pair = Authority::ensure(certs)?.issue(names, LIFE)?;
                pki::replace_pair(&pair, &cert, &key)?;
            }
            (true, true) => {}
        }
    }
    Ok(())
}

fn half(missing: PathBuf, present: PathBuf) -> PkiError {
    PkiError::Half { missing, present }
}

/// Loads every certificate that `role` will use, so that a bad one is a configuration
/// error before any port is bound.
pub(crate) fn check(role: Role, settings: &Settings, loaded: &Loaded) -> Result<(), ConfigError> {
    let Settings {
        run,
        agent,
        router,
        rlp,
        gateway,
        traffic_controller,
        udp_forwarder,
        prom_scraper,
        statsd_injector,
        syslog,
        binding_cache,
        forwarder_agent,
        syslog_agent,
        nozzle,
        log_cache,
        log_cache_gateway,
        log_cache_auth_proxy,
        log_cache_syslog_server,
        logplex,
        ..
    } = settings;
    let mut checks: Vec<(&str, Result<(), TlsError>)> = Vec::new();
    match role {
        Role::Run => {
            checks.push(("agent.tls", server(&agent.tls, &agent.cipher_suites)));
            checks.push(("router.tls", server(&router.tls, &router.cipher_suites)));
            if let Some(files) = &run.https {
                checks.push(("run.https", https(&files.cert, &files.key)));
            }
            if let Some(files) = &syslog.tls {
                checks.push(("syslog.tls", syslog_door(files)));
            }
            if logplex.redis.is_on() {
                let key = "logplex.cluster.tls";
                checks.push((key, server(&logplex.cluster.tls, &[])));
            }
        }
        Role::Agent => {
            checks.push(("agent.tls", server(&agent.tls, &agent.cipher_suites)));
            if let Some(door) = &agent.metrics {
                checks.push(("agent.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::Router => checks.push(("router.tls", server(&router.tls, &router.cipher_suites))),
        Role::Rlp => checks.push(("rlp.tls", server(&rlp.tls, &rlp.cipher_suites))),
        Role::Gateway => {
            checks.push(("gateway.rlp_tls", client(&gateway.rlp_tls)));
            if let Some(files) = &gateway.https {
                checks.push(("gateway.https", https(&files.cert, &files.key)));
            }
            if let Some(door) = &gateway.metrics {
                checks.push(("gateway.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::LogCache => {
            let own = log_cache;
            checks.push(("log_cache.tls", server(&own.tls, &own.cipher_suites)));
            if let Some(door) = &own.metrics {
                checks.push(("log_cache.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::LogCacheGateway => {
            let own = log_cache_gateway;
            let key = "log_cache_gateway.log_cache_tls";
            checks.push((key, client(&own.log_cache_tls)));
            if let Some(files) = &own.https {
                checks.push(("log_cache_gateway.https", https(&files.cert, &files.key)));
            }
            if let Some(door) = &own.metrics {
                checks.push(("log_cache_gateway.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::LogCacheAuthProxy => {
            let own = log_cache_auth_proxy;
            if let Some(files) = &own.https {
                checks.push(("log_cache_auth_proxy.https", https(&files.cert, &files.key)));
            }
            if let Some(door) = &own.metrics {
                checks.push(("log_cache_auth_proxy.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::LogCacheSyslogServer => {
            let own = log_cache_syslog_server;
            let key = "log_cache_syslog_server.log_cache_tls";
            checks.push((key, client(&own.log_cache_tls)));
            if let Some(files) = &own.tls {
                let key = "log_cache_syslog_server.tls";
                checks.push((key, syslog_door(files)));
            }
            if let Some(door) = &own.metrics {
                let key = "log_cache_syslog_server.metrics.tls";
                checks.push((key, server(&door.tls, &[])));
            }
        }
        Role::Logplex => {
            if let Some(files) = &logplex.https {
                checks.push(("logplex.https", https(&files.cert, &files.key)));
            }
            if let Some(files) = &logplex.syslog_tls {
                checks.push(("logplex.syslog_tls", syslog_door(files)));
            }
            if logplex.redis.is_on() {
                let key = "logplex.cluster.tls";
                checks.push((key, server(&logplex.cluster.tls, &[])));
            }
            if let Some(door) = &logplex.metrics {
                checks.push(("logplex.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::TrafficController => {
            let own = traffic_controller;
            checks.push(("traffic_controller.router_tls", client(&own.router_tls)));
            if let Some(files) = &own.https {
                checks.push(("traffic_controller.https", https(&files.cert, &files.key)));
            }
        }
        Role::PromScraper => {
            checks.push(("prom_scraper.tls", client(&prom_scraper.tls)));
            if let Some(door) = &prom_scraper.metrics {
                checks.push(("prom_scraper.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::StatsdInjector => {
            checks.push(("statsd_injector.tls", client(&statsd_injector.tls)));
            if let Some(door) = &statsd_injector.metrics {
                checks.push(("statsd_injector.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::UdpForwarder => {
            checks.push(("udp_forwarder.tls", client(&udp_forwarder.tls)));
            if let Some(door) = &udp_forwarder.metrics {
                checks.push(("udp_forwarder.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::SyslogAgent => {
            let own = syslog_agent;
            checks.push(("syslog_agent.tls", server(&own.tls, &own.cipher_suites)));
            if own.cache.starts_with("https:") {
                checks.push(("syslog_agent.cache_tls", client(&own.cache_tls)));
            }
            if let Some(door) = &own.metrics {
                checks.push(("syslog_agent.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::Nozzle => {
            checks.push(("nozzle.rlp_tls", client(&nozzle.rlp_tls)));
            if let Some(door) = &nozzle.metrics {
                checks.push(("nozzle.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::ForwarderAgent => {
            let own = forwarder_agent;
            checks.push(("forwarder_agent.tls", server(&own.tls, &own.cipher_suites)));
            if let Some(door) = &own.metrics {
                checks.push(("forwarder_agent.metrics.tls", server(&door.tls, &[])));
            }
        }
        Role::BindingCache => {
            let own = binding_cache;
            checks.push(("binding_cache.tls", server(&own.tls, &own.cipher_suites)));
            if own.api.starts_with("https:") {
                checks.push(("binding_cache.api_tls", client(&own.api_tls)));
            }
            if !own.agent.is_empty() && own.warn_on_invalid_drains {
                checks.push(("binding_cache.agent_tls", client(&own.agent_tls)));
            }
            if let Some(door) = &own.metrics {
                checks.push(("binding_cache.metrics.tls", server(&door.tls, &[])));
            }
        }
    }
    let problems: Vec<Problem> = checks
        .into_iter()
        .filter_map(|(key, result)| Some((key, result.err()?)))
        .map(|(key, error)| Problem {
            origin: loaded.origin(key),
            key: key.into(),
            reason: match &error {
                TlsError::Read { .. } => {
                    format!("{error}; name the files, or make them with `logweir certs`")
                }
                _ => error.to_string(),
            },
        })
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(ConfigError(problems)),
    }
}

fn server(files: &TlsFiles, suites: &[String]) -> Result<(), TlsError> {
    let paths = TlsPaths {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    };
    ServerTls::load(&paths, ClientAuth::Required, suites, Alpn::H2).map(drop)
}

fn https(cert: &Path, key: &Path) -> Result<(), TlsError> {
    let paths = TlsPaths {
        cert: cert.into(),
        key: key.into(),
        ca: PathBuf::new(),
    };
    ServerTls::load(&paths, ClientAuth::None, &[], Alpn::HttpAll).map(drop)
}

/// A syslog door asks for certificates where it is told of authorities.
fn syslog_door(files: &SyslogTls) -> Result<(), TlsError> {
    if files.ca.as_os_str().is_empty() {
        return https(&files.cert, &files.key);
    }
    let tls = TlsFiles {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    };
    server(&tls, &[])
}

fn client(files: &TlsFiles) -> Result<(), TlsError> {
    let identity = Some((files.cert.as_path(), files.key.as_path()));
    ClientTls::load(Some(&files.ca), identity, Verify::Ca, &[], Alpn::H2).map(drop)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use logweir_serve::settings::TlsFiles;

    use super::{client, ensure, server};

    #[test]
    fn a_first_start_makes_pairs_that_load_and_a_second_keeps_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let certs = dir.path().join("certs");
        ensure(&certs).expect("made");
        let files = |name: &str| TlsFiles {
            cert: certs.join(format!("{name}.crt")),
            key: certs.join(format!("{name}.key")),
            ca: certs.join("ca.crt"),
        };
        server(&files("server"), &[]).expect("a server's");
        client(&files("client")).expect("a client's");
        let key = certs.join("server.key");
        let mode = fs::metadata(&key).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = fs::read(&key).expect("read");
        ensure(&certs).expect("kept");
        assert_eq!(fs::read(&key).expect("read"), before);
    }

    #[test]
    fn half_a_pair_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        ensure(dir.path()).expect("made");
        fs::remove_file(dir.path().join("client.key")).expect("removed");
        let error = ensure(dir.path()).expect_err("refused").to_string();
        assert!(error.contains("client.key is missing"), "{error}");
    }
}
