//! What somebody says a drain is, in the configuration or over the API, and the drain that
//! it makes.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use logweir_drain::{
    Drain, Scope,
    binding::Pem,
    credentials, headers,
    secret::Secret,
    url::{DrainUrl, UrlDefaults, UrlError},
};
use serde::{Deserialize, Serialize};

/// A drain as it is asked for. Only its URL must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Where to.
    pub url: Secret,
    /// Whose envelopes. Empty: those of all sources.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_id: String,
    /// `HOSTNAME` of the messages where envelopes do not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Our certificate for this receiver, PEM.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub cert: Secret,
    /// Its private key, PEM.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// Authorities that vouch for this receiver alone, PEM.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    pub ca: Secret,
    /// Headers of HTTPS requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
}

/// Why a definition makes no drain. Shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// The URL names none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Certificate, key or authorities cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// A certificate without a key, or a key without a certificate.
    #[error("a client certificate and its key must be given together")]
    Half,
    /// A header that cannot be sent.
    #[error("the header {0} cannot be sent: {1}")]
    Header(String, headers::HeaderError),
    /// A file that cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Definition {
    /// The drain, checked as far as it can be without connecting.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn drain(&self, defaults: &UrlDefaults) -> Result<Arc<Drain>, DefinitionError> {
        let url = DrainUrl::parse(self.url.reveal(), defaults)?;
        if self.cert.is_empty() != self.key.is_empty() {
            return Err(DefinitionError::Half);
        }
        let pem = Pem {
            cert: self.cert.clone(),
            key: self.key.clone(),
            ca: self.ca.clone(),
        };
        credentials::check(&pem)
            .map_err(|error| DefinitionError::Credentials(error.told(url.anonymous())))?;
        let own = self.headers.iter().map(|(name, value)| {
            headers::header(name, value.reveal())
                .map_err(|error| DefinitionError::Header(name.clone(), error))
        });
        let own = own.collect::<Result<Vec<_>, _>>()?;
        let scope = match self.source_id.as_str() {
            "" => Scope::Aggregate,
            id => Scope::App {
                id: id.to_owned(),
                hostname: self.hostname.clone(),
            },
        };
        let mut drain = Drain::new(scope, url);
        drain.pem = Arc::new(pem);
        drain.headers.splice(0..0, own);
        Ok(Arc::new(drain))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use super::*;

    fn drain(json: serde_json::Value) -> Result<Arc<Drain>, String> {
        let definition: Definition =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        let drain = definition.drain(&UrlDefaults::default());
        drain.map_err(|error| error.to_string())
    }

    #[test]
    fn a_definition_makes_the_drain_that_a_binding_would() {
        let made = drain(serde_json::json!({"url": "syslog://h:1", "source_id": "app"})).unwrap();
        let url = DrainUrl::parse("syslog://h:1", &UrlDefaults::default()).unwrap();
        let scope = Scope::App {
            id: "app".into(),
            hostname: String::new(),
        };
        assert_eq!(*made, Drain::new(scope, url));
        let all = drain(serde_json::json!({"url": "syslog://h:1"})).unwrap();
        assert_eq!(all.scope, Scope::Aggregate);
        assert_ne!(all.id, made.id);
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        for (json, told) in [
            (
                serde_json::json!({"url": "http://u:geheim@h/"}),
                "Invalid Scheme http for syslog drain url http://h/",
            ),
            (
                serde_json::json!({"url": "syslog-tls://h", "cert": "geheim"}),
                "a client certificate and its key must be given together",
            ),
            (
                serde_json::json!({"url": "syslog-tls://h", "ca": "geheim"}),
                "failed to load root CA for syslog-tls://h",
            ),
            (
                serde_json::json!({"url": "https://h", "headers": {"Host": "geheim"}}),
                "the header Host cannot be sent: a header that the sender sets itself",
            ),
        ] {
            let error = drain(json).unwrap_err();
            assert!(error.starts_with(told), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
        assert!(drain(serde_json::json!({"url": "syslog://h:1", "sourceid": "x"})).is_err());
    }
}
