//! What the query asks for (spec agents-and-drains §3.2), and our own opt-ins.
//!
//! Ours begin with `logweir-`, so that no existing drain asks for one by accident, and are
//! taken out of the query before it is sent.

use http::{HeaderName, HeaderValue};

use super::{UrlError, escape, syntax};
use crate::{
    filter::{Filter, SourceTypes, TypesError},
    headers,
};

/// Our own parameters begin with this.
pub(super) const OWN: &str = "logweir-";

/// What a URL that says nothing gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlDefaults {
    /// Tags go into the structured data.
    pub metadata: bool,
}

impl Default for UrlDefaults {
    fn default() -> Self {
        Self { metadata: true }
    }
}

/// Which kinds of envelopes a drain takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DrainData {
    /// Logs and events.
    #[default]
    Logs,
    /// Logs alone (`drain-type=logs`).
    LogsNoEvents,
    /// Counters and gauges.
    Metrics,
    /// Logs, counters and gauges (`drain-type=all`).
    LogsAndMetrics,
    /// Timers.
    Traces,
    /// Everything.
    All,
}

impl DrainData {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::LogsNoEvents => "logs-no-events",
            Self::Metrics => "metrics",
            Self::LogsAndMetrics => "logs-and-metrics",
            Self::Traces => "traces",
            Self::All => "all",
        }
    }
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Which kinds of envelopes.
    pub data: DrainData,
    /// Of which source types, for logs and events.
    pub types: SourceTypes,
    /// Tags go into the structured data.
    pub metadata: bool,
    /// The receiver is one of the platform's own: the strict TLS profile.
    pub internal_tls: bool,
    /// Ours: bodies of `https-batch` are compressed.
    pub gzip: bool,
    /// Ours: what is not delivered is kept on disk.
    pub spool: bool,
    /// Ours: escapes in user and password are undone before they become credentials.
    pub decode_user: bool,
    /// Ours: sent with every request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Params {
    /// What the drain wants of the envelopes of its source.
    pub fn filter(&self) -> Filter {
        Filter::new(self.data, self.types)
    }
}

/// What the query of any URL asks for, whether or not the URL names a drain.
///
/// # Errors
/// Not a URL, or one that asks for what there is not.
pub fn params(url: &str, defaults: &UrlDefaults) -> Result<Params, UrlError> {
    let parts = syntax::split(url)?;
    read(parts.query, defaults, &parts.anonymous())
}

/// The spellings of the source type filter, the documented one first.
const INCLUDE: [&str; 3] = [
    "include-log-types",
    "include-log-source-types",
    "include-source-types",
];
const EXCLUDE: [&str; 3] = [
    "exclude-log-types",
    "exclude-log-source-types",
    "exclude-source-types",
];

pub(super) fn read(
    query: &str,
    defaults: &UrlDefaults,
    anonymous: &str,
) -> Result<Params, UrlError> {
    let query = Query::parse(query);
    let include = query.first_of(&INCLUDE);
    let exclude = query.first_of(&EXCLUDE);
    let types = SourceTypes::parse(include, exclude).map_err(|error| match error {
        TypesError::Both => UrlError::BothFilters(anonymous.to_owned()),
        TypesError::Unknown(types) => UrlError::UnknownTypes {
            types,
            url: anonymous.to_owned(),
        },
    })?;
    let mut headers = Vec::new();
    for (_, line) in query.0.iter().filter(|(name, _)| name == "logweir-header") {
        let (name, value) = line.split_once(':').unwrap_or_default();
        let header = headers::header(name.trim(), value.trim());
        // Without a colon there is no name to show, only what was meant as a value.
        let header = header.map_err(|_| UrlError::Header {
            name: name.trim().to_owned(),
            url: anonymous.to_owned(),
        })?;
        headers.push(header);
    }
    Ok(Params {
        data: query.data(),
        types,
        metadata: query.metadata(defaults.metadata),
        internal_tls: query.get("ssl-strict-internal") == "true",
        gzip: query.get("logweir-gzip") == "true",
        spool: query.get("logweir-spool") == "true",
        decode_user: query.get("logweir-decode-user") == "true",
        headers,
    })
}

/// The parameters in order. What is malformed is left out.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter_map(pair);
        Self(pairs.collect())
    }

    /// The first value of this name; empty without one.
    fn get(&self, name: &str) -> &str {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// The first of these names that is not empty.
    fn first_of(&self, names: &[&str]) -> &str {
        let mut values = names.iter().map(|name| self.get(name));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    }

    fn data(&self) -> DrainData {
        if !self.get("include-metrics-deprecated").is_empty() {
            return DrainData::All;
        }
        match self.get("drain-data") {
            "logs" => return DrainData::Logs,
            "metrics" => return DrainData::Metrics,
            "traces" => return DrainData::Traces,
            "all" => return DrainData::All,
            _ => {}
        }
        match self.get("drain-type") {
            "logs" => DrainData::LogsNoEvents,
            "metrics" => DrainData::Metrics,
            "all" => DrainData::LogsAndMetrics,
            _ => DrainData::Logs,
        }
    }

    fn metadata(&self, default: bool) -> bool {
        let omit = self.first_of(&["disable-metadata", "omit-metadata"]);
        match default {
            true => omit != "true",
            false => omit == "false",
        }
    }
}

/// `name=value`; none of what Go leaves out.
pub(super) fn pair(text: &str) -> Option<(String, String)> {
    if text.is_empty() || text.contains(';') {
        return None;
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Some((
        escape::decode_text(name, true)?,
        escape::decode_text(value, true)?,
    ))
}
