//! Bindings as the Cloud Controller and the binding cache exchange them: JSON.
//!
//! A binding names a URL once; its credentials are grouped, and under each are the apps that
//! use them. The shapes of earlier releases are read and written too ([`legacy`]).

pub mod legacy;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

pub use read::{Page, ReadError, aggregate_yaml, bindings, page};

use crate::secret::Secret;

/// All that is bound to one URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The drain's URL, unchecked.
    #[serde(default)]
    pub url: Secret,
    /// Who is bound, by the credentials that they use.
    #[serde(default, deserialize_with = "or_default")]
    pub credentials: Vec<Credentials>,
    /// Headers for HTTPS requests.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: BTreeMap<String, Secret>,
}

/// Credentials, and the apps that use them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Certificate, key and authorities.
    #[serde(flatten)]
    pub pem: Pem,
    /// The apps; empty for a drain of all of them.
    #[serde(default, deserialize_with = "or_default")]
    pub apps: Vec<App>,
    /// Headers for HTTPS requests, over those of the binding.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: BTreeMap<String, Secret>,
}

/// Credentials of a TLS connection, in PEM; any may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pem {
    /// Client certificate.
    #[serde(default, deserialize_with = "or_default")]
    pub cert: Secret,
    /// Its private key.
    #[serde(default, deserialize_with = "or_default")]
    pub key: Secret,
    /// Authorities of the receiver, beside the system's.
    #[serde(default, deserialize_with = "or_default")]
    pub ca: Secret,
}

/// An app that is bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// `org.space.app`.
    #[serde(default, deserialize_with = "or_default")]
    pub hostname: String,
    /// Its guid: the source id of its envelopes.
    #[serde(default, deserialize_with = "or_default")]
    pub app_id: String,
}

/// `null` is what Go writes for an empty list.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
