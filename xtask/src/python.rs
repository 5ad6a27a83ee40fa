//! Python packages that tests need: a real client library makes the pages to scrape.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Pure Python, one file to download.
const PACKAGES: [(&str, &str); 1] = [("prometheus_client", "0.26.0")];

/// Installs what is missing in `directory`, which belongs to the build.
pub(crate) fn install(directory: &Path) -> Result<()> {
    for (name, version) in PACKAGES {
        if directory
            .join(format!("{name}-{version}.dist-info"))
            .is_dir()
        {
            continue;
        }
        let status = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--upgrade"])
            .args(["--disable-pip-version-check", "--no-deps"])
            .arg("--target")
            .arg(directory)
            .arg(format!("{name}=={version}"))
            .status()
            .context("the tests need Python 3 with pip: apt-get install python3-pip")?;
        ensure!(
            status.success(),
            "pip could not install {name}: is python3-pip installed, and PyPI in reach?"
        );
    }
    Ok(())
}
