//! Reading lists of bindings, in whichever shape they come.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Binding, Credentials, Pem, legacy};

/// Why a list of bindings cannot be read. Shows nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or JSON of another shape.
    #[error("not a list of bindings: {kind} at line {line}, column {column}")]
    Json {
        /// What is wrong, without the value that is.
        kind: &'static str,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// Not YAML, or YAML of another shape.
    #[error("not a list of drains with `url`, `cert`, `key` and `ca`{0}")]
    Yaml(String),
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        // serde's own text quotes values, and values are secrets here.
        Self::Json {
            kind: match error.classify() {
                Category::Io | Category::Eof => "it ends too early",
                Category::Syntax => "no JSON",
                Category::Data => "another type was expected",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

/// One page of the Cloud Controller's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The bindings of this page.
    pub bindings: Vec<Binding>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<u64>,
}

#[derive(Deserialize)]
struct WirePage {
    #[serde(default)]
    results: Option<Results>,
    #[serde(default)]
    next_id: Option<u64>,
}

/// The list of v5, or v4's map by app.
#[derive(Deserialize)]
#[serde(untagged)]
enum Results {
    Bindings(Vec<Binding>),
    ByApp(BTreeMap<String, legacy::AppDrains>),
}

/// Reads a page of `/internal/v5/syslog_drain_urls`, or of the retired v4.
///
/// # Errors
/// Not JSON of either shape.
pub fn page(json: &[u8]) -> Result<Page, ReadError> {
    let page: WirePage = serde_json::from_slice(json)?;
    let bindings = match page.results {
        None => Vec::new(),
        Some(Results::Bindings(bindings)) => bindings,
        Some(Results::ByApp(apps)) => legacy::from_apps(apps),
    };
    Ok(Page {
        bindings,
        next: page.next_id.filter(|next| *next > 0),
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    // The legacy shape first: every field of the other one may be absent.
    Legacy(Vec<legacy::Binding>),
    Current(Vec<Binding>),
}

/// Reads what a binding cache answers: `/v2/bindings` and `/v2/aggregate`, or `/bindings`
/// and `/aggregate` of earlier releases. `null` is an empty list.
///
/// # Errors
/// Not JSON of either shape.
pub fn bindings(json: &[u8]) -> Result<Vec<Binding>, ReadError> {
    let listed: Option<Listed> = serde_json::from_slice(json)?;
    Ok(match listed {
        None => Vec::new(),
        Some(Listed::Current(bindings)) => bindings,
        Some(Listed::Legacy(bindings)) => legacy::to_bindings(bindings),
    })
}

#[derive(Deserialize)]
struct YamlDrain {
    url: String,
    #[serde(default)]
    cert: Option<String>,
    #[serde(default)]
    key: Option<String>,
    // The peers' own example writes it in capitals, and then does not read it.
    #[serde(default, alias = "CA")]
    ca: Option<String>,
}

/// Reads a file of aggregate drains: a YAML list of `url`, `cert`, `key` and `ca`. An empty
/// file is an empty list.
///
/// # Errors
/// Not YAML of that shape.
pub fn aggregate_yaml(yaml: &str) -> Result<Vec<Binding>, ReadError> {
    let drains: Option<Vec<YamlDrain>> = serde_saphyr::from_str(yaml).map_err(|error| {
        // Its text quotes lines of the file, and there are keys in it.
        let at = error.location();
        ReadError::Yaml(at.map_or_else(String::new, |at| {
            format!(": line {}, column {}", at.line(), at.column())
        }))
    })?;
    let binding = |drain: YamlDrain| {
        let pem = Pem {
            cert: drain.cert.unwrap_or_default().into(),
            key: drain.key.unwrap_or_default().into(),
            ca: drain.ca.unwrap_or_default().into(),
        };
        Binding {
            url: drain.url.into(),
            credentials: vec![Credentials {
                pem,
                ..Credentials::default()
            }],
            ..Binding::default()
        }
    };
    Ok(drains
        .unwrap_or_default()
        .into_iter()
        .map(binding)
        .collect())
}
