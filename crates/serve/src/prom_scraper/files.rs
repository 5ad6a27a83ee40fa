//! Targets that files name, one each, as the peer's jobs write them.

use std::{collections::BTreeMap, fmt, fs, path::Path, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

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
    let port = file.port.0.parse().ok().filter(|port| *port > 0);
    let Some(port) = port else {
        // The peer's words: operators look for them.
        return Err(format!(
            "Prom scraper config at {shown} does not have a valid port - skipping this config file"
        ));
    };
    let or = |text: Scalar, default: &str| match text.0.is_empty() {
        true => default.to_owned(),
        false => text.0,
    };
    let target = TargetConfig::default();
    let texts = |map: Option<BTreeMap<String, Scalar>>| {
        let map = map.unwrap_or_default().into_iter();
        map.map(|(name, value)| (name, value.0)).collect()
    };
    let interval = match file.scrape_interval.0.as_str() {
        "" => None,
        text => Some(interval(text).map_err(skipped)?),
    };
    Ok(TargetConfig {
        port,
        scheme: or(file.scheme, &target.scheme),
        path: or(file.path, &target.path),
        source_id: file.source_id.0,
        instance_id: file.instance_id.0,
        server_name: file.server_name.0,
        headers: texts(file.headers),
        labels: texts(file.labels),
        interval,
        ca: file.ca_path.0.into(),
        cert: file.client_cert_path.0.into(),
        key: file.client_key_path.0.into(),
        ..target
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

/// Keys that it does not know are passed over, as the peer does.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TargetFile {
    port: Scalar,
    source_id: Scalar,
    instance_id: Scalar,
    scheme: Scalar,
    server_name: Scalar,
    path: Scalar,
    headers: Option<BTreeMap<String, Scalar>>,
    labels: Option<BTreeMap<String, Scalar>>,
    scrape_interval: Scalar,
    ca_path: Scalar,
    client_key_path: Scalar,
    client_cert_path: Scalar,
}

/// Any plain value as text: `8080`, `"8080"`, `true`, nothing.
#[derive(Default)]
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a plain value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }

    fn visit_none<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }
}

#[cfg(test)]
mod tests;
