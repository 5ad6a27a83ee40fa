//! The prom scraper under its peer's name (spec agents-and-drains §6.1).

use std::{collections::BTreeMap, time::Duration};

use logweir_serve::{
    prom_scraper::{PromScraperConfig, TargetTls},
    settings::{MetricsDoor, TlsFiles},
};

use super::{
    Doors, Peer,
    envstruct::{Environment, Field, field},
    local, port,
};
use crate::{logging::Format, role::RoleConfig};

/// What the peer's errors begin with: nothing.
pub(crate) const REFUSED: &str = "";

/// A setting that the peer cannot do without.
const fn needed(name: &'static str, variable: &'static str) -> Field {
    field(name, variable).required().shown()
}

/// Reads the peer's environment.
pub(crate) fn load(variables: &BTreeMap<String, String>) -> Result<Peer, String> {
    let mut env = Environment::new(variables);
    let rfc3339 = env.flag(field("Config.UseRFC3339", "USE_RFC3339"), false);
    let mut text = |field| env.text(field, "");
    let tls = TlsFiles {
        key: text(needed("Config.ClientKeyPath", "CLIENT_KEY_PATH")).into(),
        cert: text(needed("Config.ClientCertPath", "CLIENT_CERT_PATH")).into(),
        ca: text(needed("Config.CACertPath", "CA_CERT_PATH")).into(),
    };
    let target_tls = TargetTls {
        key: text(field("Config.ScrapeKeyPath", "SCRAPE_KEY_PATH").shown()).into(),
        cert: text(field("Config.ScrapeCertPath", "SCRAPE_CERT_PATH").shown()).into(),
        ca: text(field("Config.ScrapeCACertPath", "SCRAPE_CA_CERT_PATH").shown()).into(),
    };
    let agent = needed("Config.LoggregatorIngressAddr", "LOGGREGATOR_AGENT_ADDR");
    let agent = text(agent);
    let source_id = text(needed("Config.DefaultSourceID", "DEFAULT_SOURCE_ID"));
    let config_globs = env.list(field("Config.ConfigGlobs", "CONFIG_GLOBS").shown());
    let interval = field("Config.DefaultScrapeInterval", "SCRAPE_INTERVAL").shown();
    let interval = env.duration(interval, Duration::from_secs(15));
    let skip = field("Config.SkipSSLValidation", "SKIP_SSL_VALIDATION").shown();
    let skip_verification = env.flag(skip, false);
    let debug = field("MetricsServer.DebugMetrics", "DEBUG_METRICS").shown();
    let debug = env.flag(debug, false);
    let metrics = field("MetricsServer.Port", "METRICS_PORT").shown();
    let metrics = env.unsigned(metrics, "uint16", 16, 0);
    let pprof = field("MetricsServer.PprofPort", "PPROF_PORT").shown();
    let pprof = env.unsigned(pprof, "uint16", 16, 0);
    let mut text = |field| env.text(field, "");
    let metrics_tls = TlsFiles {
        ca: text(needed("MetricsServer.CAFile", "METRICS_CA_FILE_PATH")).into(),
        cert: text(needed("MetricsServer.CertFile", "METRICS_CERT_FILE_PATH")).into(),
        key: text(needed("MetricsServer.KeyFile", "METRICS_KEY_FILE_PATH")).into(),
    };
    let rows = env.finish()?;
    let config = PromScraperConfig {
        config_globs,
        source_id,
        interval,
        target_tls,
        skip_verification,
        agent,
        tls,
        metrics: Some(MetricsDoor {
            listen: local(port(metrics)?),
            tls: metrics_tls,
        }),
        status: match debug {
            true => Some(local(port(pprof)?)),
            false => None,
        },
        ..PromScraperConfig::default()
    };
    let config = RoleConfig::PromScraper(Box::new(config));
    Ok(Peer::new(Format::Seconds, rfc3339, &rows, config))
}

/// What the peer says once its doors are bound.
pub(crate) fn started(doors: &Doors<'_>) -> Vec<String> {
    let mut lines = vec!["starting Prom Scraper...".into()];
    if let Some(address) = doors.find("metrics") {
        lines.push(format!("Metrics endpoint is listening on {address}"));
        lines.push(format!("metrics bound to: :{}", address.port()));
    }
    if let Some(address) = doors.find("status") {
        lines.push(format!("pprof bound to: {address}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 8] = [
        "CLIENT_KEY_PATH",
        "CLIENT_CERT_PATH",
        "CA_CERT_PATH",
        "LOGGREGATOR_AGENT_ADDR",
        "DEFAULT_SOURCE_ID",
        "METRICS_CA_FILE_PATH",
        "METRICS_CERT_FILE_PATH",
        "METRICS_KEY_FILE_PATH",
    ];

    fn loaded(more: &[(&str, &str)]) -> PromScraperConfig {
        let needed = NEEDED.map(|name| (name, name));
        let variables = needed.iter().chain(more);
        let variables = variables.map(|(name, value)| ((*name).into(), (*value).into()));
        match load(&variables.collect()).expect("loads").config {
            RoleConfig::PromScraper(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_the_peers() {
        let config = loaded(&[]);
        assert_eq!(config.interval, Duration::from_secs(15));
        assert_eq!(config.config_globs, [""; 0]);
        assert_eq!(config.source_id, "DEFAULT_SOURCE_ID");
        assert_eq!(config.tls.cert, std::path::Path::new("CLIENT_CERT_PATH"));
        assert_eq!(config.target_tls, TargetTls::default());
        assert!(!config.skip_verification && config.status.is_none());
    }

    #[test]
    fn every_variable_is_read() {
        let config = loaded(&[
            ("SCRAPE_KEY_PATH", "/key"),
            ("SCRAPE_CERT_PATH", "/cert"),
            ("SCRAPE_CA_CERT_PATH", "/ca"),
            ("CONFIG_GLOBS", "/a/*.yml, /b/*.yml"),
            ("SCRAPE_INTERVAL", "1m30s"),
            ("SKIP_SSL_VALIDATION", "true"),
            ("METRICS_PORT", "14821"),
            ("DEBUG_METRICS", "1"),
            ("PPROF_PORT", "6060"),
        ]);
        assert_eq!(config.config_globs, ["/a/*.yml", "/b/*.yml"]);
        assert_eq!(config.interval, Duration::from_secs(90));
        assert!(config.skip_verification);
        let paths = [
            &config.target_tls.key,
            &config.target_tls.cert,
            &config.target_tls.ca,
        ];
        let paths = paths.map(|path| path.display().to_string());
        assert_eq!(paths, ["/key", "/cert", "/ca"]);
        let metrics = config.metrics.expect("a door");
        assert_eq!(metrics.listen, local(14821));
        assert_eq!(config.status, Some(local(6060)));
    }

    #[test]
    fn what_is_missing_is_named_all_at_once() {
        let error = load(&BTreeMap::new()).map(drop).expect_err("is refused");
        let mut names = NEEDED;
        names.sort_unstable();
        let names = names.join(", ");
        assert_eq!(
            error,
            format!("missing required environment variables: {names}")
        );
    }
}
