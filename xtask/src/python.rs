//! Python packages that tests need: a real client library makes the pages to scrape, another one
//! asks in PromQL, and Carbon takes what a nozzle sends to Graphite.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Clients of Prometheus and Carbon, with what they need. What of it is compiled has wheels.
const PACKAGES: [(&str, &str); 25] = [
    ("prometheus_client", "0.26.0"),
    ("prometheus_api_client", "0.7.2"),
    ("attrs", "26.1.0"),
    ("automat", "25.4.16"),
    ("cachetools", "5.5.2"),
    ("carbon", "1.1.10"),
    ("certifi", "2026.10.18"),
    ("charset_normalizer", "3.5.2"),
    ("constantly", "23.10.4"),
    ("dateparser", "1.5.0"),
    ("hyperlink", "21.0.0"),
    ("idna", "3.20"),
    ("incremental", "24.11.0"),
    ("packaging", "26.3"),
    ("python_dateutil", "4.0.0"),
    ("pytz", "2026.6"),
    ("regex", "2026.11.15"),
    ("requests", "2.34.2"),
    ("twisted", "25.5.0"),
    ("typing_extensions", "4.16.0"),
    ("tzdata", "2026.6"),
    ("tzlocal", "5.4.5"),
    ("urllib3", "2.8.0"),
    ("whisper", "1.1.10"),
    ("zope_interface", "8.7"),
];

/// Installs them in `directory`, which belongs to the build, unless all are there. All at once:
/// some have directories in common.
pub(crate) fn install(directory: &Path) -> Result<()> {
    let is_there = |(name, version): &(&str, &str)| {
        let info = format!("{name}-{version}.dist-info");
        directory.join(info).is_dir()
    };
    if PACKAGES.iter().all(is_there) {
        return Ok(());
    }
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--upgrade"])
        .args(["--disable-pip-version-check", "--no-deps", "--target"])
        .arg(directory)
        .args(PACKAGES.map(|(name, version)| format!("{name}=={version}")))
        // Graphite's packages would go to /opt/graphite.
        .env("GRAPHITE_NO_PREFIX", "True")
        .status()
        .context("the tests need Python 3 with pip: apt-get install python3-pip")?;
    ensure!(
        status.success(),
        "pip could not install what the tests need: is python3-pip installed, and PyPI in reach?"
    );
    Ok(())
}
