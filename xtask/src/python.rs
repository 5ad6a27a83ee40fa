//! Python packages that tests need: a real client library makes the pages to scrape, and Carbon
//! takes what a nozzle sends to Graphite.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Carbon needs all but the first; no other of them is compiled than `zope_interface`, of which
/// there are wheels.
const PACKAGES: [(&str, &str); 15] = [
    ("prometheus_client", "0.26.0"),
    ("attrs", "26.1.0"),
    ("automat", "25.4.16"),
    ("cachetools", "5.5.2"),
    ("carbon", "1.1.10"),
    ("constantly", "23.10.4"),
    ("hyperlink", "21.0.0"),
    ("idna", "3.20"),
    ("incremental", "24.11.0"),
    ("packaging", "26.3"),
    ("twisted", "25.5.0"),
    ("typing_extensions", "4.16.0"),
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
