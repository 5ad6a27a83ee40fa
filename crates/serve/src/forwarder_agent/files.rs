//! The files that name destinations on this machine (spec agents-and-drains §1.2).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use glob::Pattern;
use serde::Deserialize;

/// Where envelopes go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    /// `host:port`.
    pub(super) address: String,
    pub(super) protocol: Protocol,
}

/// What a destination speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    /// `loggregator.v2.Ingress/BatchSender`.
    Loggregator,
    /// OTLP over gRPC.
    OpenTelemetry,
}

impl Protocol {
    /// The peer's name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loggregator => "loggregator",
            Self::OpenTelemetry => "otelcol",
        }
    }
}

/// What one file says, as the peers read it.
#[derive(Deserialize)]
struct Ingress {
    #[serde(default)]
    ingress: Option<Port>,
    #[serde(default)]
    protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u64),
    Text(String),
}

/// The files behind some patterns, and what they said when they could last be read.
pub(super) struct Files {
    patterns: Vec<String>,
    known: BTreeMap<PathBuf, Known>,
}

#[derive(Default)]
struct Known {
    /// None: no destination.
    destination: Option<Destination>,
    complaint: Option<String>,
}

impl Files {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// A pattern that is none.
    pub(super) fn new(patterns: &[String]) -> Result<Self, String> {
        for pattern in patterns {
            Pattern::new(pattern).map_err(|error| format!("`{pattern}`: {error}"))?;
        }
        Ok(Self {
            patterns: patterns.to_vec(),
            known: BTreeMap::new(),
        })
    }

    /// Reads every file, and gives the destinations. A file that cannot be read keeps what it
    /// said last; each complaint is logged once.
    pub(super) fn read(&mut self) -> BTreeSet<Destination> {
        let found = self.found();
        self.known.retain(|path, _| found.contains(path));
        for path in found {
            let known = self.known.entry(path.clone()).or_default();
            let complaint = match destination(&path) {
                Ok(Said::Destination(destination)) => {
                    known.destination = Some(destination);
                    None
                }
                Ok(Said::Nothing(why)) => {
                    known.destination = None;
                    Some(why)
                }
                Err(why) => Some(why),
            };
            if known.complaint != complaint {
                if let Some(text) = &complaint {
                    tracing::warn!("{text}");
                }
                known.complaint = complaint;
            }
        }
        let known = self.known.values();
        known
            .filter_map(|known| known.destination.clone())
            .collect()
    }

    fn found(&self) -> BTreeSet<PathBuf> {
        // Patterns were checked, and what cannot be listed cannot be read either.
        let paths = self.patterns.iter().filter_map(|one| glob::glob(one).ok());
        paths.flatten().flatten().collect()
    }
}

enum Said {
    Destination(Destination),
    Nothing(String),
}

fn destination(path: &Path) -> Result<Said, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read destination file {shown}: {error}"))?;
    let file: Option<Ingress> = serde_saphyr::from_str(&text)
        .map_err(|error| format!("{shown} is no destination file with `ingress`: {error}"))?;
    let port = match file.as_ref().and_then(|file| file.ingress.as_ref()) {
        Some(Port::Number(port)) => port.to_string(),
        Some(Port::Text(text)) => text.trim().to_owned(),
        None => String::new(),
    };
    // The peer's words.
    let none = format!("No ingress port defined in {shown}. Ignoring this destination.");
    if port.is_empty() {
        return Ok(Said::Nothing(none));
    }
    let port: u16 = port
        .parse()
        .map_err(|_| format!("{shown}: `ingress: {port}` is no port"))?;
    let protocol = file.and_then(|file| file.protocol);
    Ok(Said::Destination(Destination {
        address: format!("127.0.0.1:{port}"),
        // Whatever else stands there is what the peer takes for Loggregator.
        protocol: match protocol.as_deref() {
            Some("otelcol") => Protocol::OpenTelemetry,
            _ => Protocol::Loggregator,
        },
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use super::*;

    #[test]
    fn files_are_read_again_and_a_bad_one_keeps_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let write = |job: &str, text: &str| {
            let config = dir.path().join(job).join("config");
            std::fs::create_dir_all(&config).unwrap();
            std::fs::write(config.join("ingress_port.yml"), text).unwrap();
        };
        let pattern = dir.path().join("*/config/ingress_port.yml");
        let mut files = Files::new(&[pattern.to_str().unwrap().to_owned()]).unwrap();
        let mut read = || {
            let read = files.read().into_iter();
            let read = read.map(|one| match one.protocol {
                Protocol::Loggregator => one.address,
                protocol => format!("{} {}", one.address, protocol.name()),
            });
            read.collect::<Vec<_>>()
        };
        assert!(read().is_empty());
        write("agent", "ingress: 3459\n");
        write("syslog", "---\ningress: \"3460\"\n");
        write("empty", "ingress:\n");
        write("otel", "ingress: 3461\nprotocol: otelcol\n");
        let otel = "127.0.0.1:3461 otelcol";
        assert_eq!(read(), ["127.0.0.1:3459", "127.0.0.1:3460", otel]);
        write("agent", "ingress: {");
        write("syslog", "ingress: 3470\n");
        assert_eq!(read(), ["127.0.0.1:3459", otel, "127.0.0.1:3470"]);
        write("agent", "ingress: 99999\n");
        assert_eq!(read(), ["127.0.0.1:3459", otel, "127.0.0.1:3470"]);
        std::fs::remove_dir_all(dir.path().join("syslog")).unwrap();
        write("otel", "ingress: 3459\nprotocol: loggregator\n");
        assert_eq!(read(), ["127.0.0.1:3459"]);
        write("agent", "ingress: \"\"\n");
        write("otel", "ingress:\n");
        assert!(read().is_empty());
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        assert!(Files::new(&["/var/***/x".into()]).is_err());
    }
}
