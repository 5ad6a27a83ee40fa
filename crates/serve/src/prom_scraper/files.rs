//! Targets that files name, one each, as the peer's jobs write them.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde::Deserialize;

use super::config::TargetConfig;
use crate::settings::duration;

/// Largest file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// The targets of all files that match, and what is wrong with the others.
pub(super) fn find(globs: &[String]) -> (Vec<TargetConfig>, Vec<String>) {
    let (mut targets, mut problems) = (Vec::new(), Vec::new());
    for pattern in globs {
        let paths = match glob::glob(pattern) {
            Ok(paths) => paths,
            Err(error) => {
                problems.push(format!(
                    "unable to read config from glob: {pattern}: {error}"
                ));
                continue;
            }
        };
        // A directory that cannot be listed has no files for us.
        for path in paths.flatten() {
            match read(&path) {
                Ok(target) => targets.push(target),
                Err(problem) => problems.push(problem),
            }
        }
    }
    (targets, problems)
}

fn read(path: &Path) -> Result<TargetConfig, String> {
    let shown = path.display();
    let skipped = |error: String| format!("{shown} names no scrape target: {error}");
    let size = fs::metadata(path).map_err(|error| skipped(error.to_string()))?;
    if size.len() > FILE_BYTES {
        return Err(skipped(format!("it has more than {FILE_BYTES} bytes")));
    }
    let text = fs::read_to_string(path).map_err(|error| skipped(error.to_string()))?;
    let file: TargetFile = serde_saphyr::from_str(&text).map_err(|error| {
        // The rest of the message shows the file's lines, which may hold tokens.
        let text = error.to_string();
        skipped(text.lines().next().unwrap_or_default().to_owned())
    })?;
    let port = file.port.as_deref().map(str::parse);
    let Some(Ok(port @ 1..)) = port else {
        // The peer's words: operators look for them.
        return Err(format!(
            "Prom scraper config at {shown} does not have a valid port - skipping this config file"
        ));
    };
    let texts = |map: Option<Texts>| {
        let map = map.unwrap_or_default().into_iter();
        map.map(|(name, value)| (name, value.unwrap_or_default()))
            .collect()
    };
    let path = |path: Option<String>| path.unwrap_or_default().into();
    let every = file.scrape_interval.as_deref().map(interval);
    let target = TargetConfig::default();
    Ok(TargetConfig {
        port,
        scheme: file.scheme.unwrap_or(target.scheme),
        path: file.path.unwrap_or(target.path),
        source_id: file.source_id.unwrap_or_default(),
        instance_id: file.instance_id.unwrap_or_default(),
        server_name: file.server_name.unwrap_or_default(),
        headers: texts(file.headers),
        labels: texts(file.labels),
        interval: every.transpose().map_err(skipped)?,
        ca: path(file.ca_path),
        cert: path(file.client_cert_path),
        key: path(file.client_key_path),
        host: target.host,
    })
}

/// As Go writes durations; a bare number counts nanoseconds. Less than nothing is never.
fn interval(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Ok(Duration::ZERO);
    }
    match text.parse() {
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => duration::parse(text),
    }
}

/// Keys that it does not know are passed over, as the peer does. Plain values are text,
/// whatever they look like.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TargetFile {
    port: Option<String>,
    source_id: Option<String>,
    instance_id: Option<String>,
    scheme: Option<String>,
    server_name: Option<String>,
    path: Option<String>,
    headers: Option<Texts>,
    labels: Option<Texts>,
    scrape_interval: Option<String>,
    ca_path: Option<String>,
    client_key_path: Option<String>,
    client_cert_path: Option<String>,
}

type Texts = BTreeMap<String, Option<String>>;

#[cfg(test)]
mod tests;
