//! Byte strings in cases: lower-case hex.

use anyhow::{Context, Result};
use bytes::Bytes;
use logweir_proto::v2;
use prost::Message;
use serde::{Deserialize, Deserializer, de::Error};

/// A hex field.
#[derive(Clone, Debug)]
pub(crate) struct HexBytes(pub(crate) Bytes);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text)
            .map(|bytes| Self(bytes.into()))
            .map_err(D::Error::custom)
    }
}

impl HexBytes {
    /// Reads the envelope in it. Map order and repeated fields are not part of the
    /// contract, so answers are compared decoded.
    pub(crate) fn envelope(&self) -> Result<v2::Envelope> {
        envelope(&self.0)
    }
}

/// Reads an envelope.
pub(crate) fn envelope(bytes: &[u8]) -> Result<v2::Envelope> {
    v2::Envelope::decode(bytes).context("not an envelope")
}
