//! V1 envelopes in cases.

use anyhow::{Context, Result};
use bytes::Bytes;
use logweir_proto::v1;
use prost::Message as _;

/// Reads an envelope and puts its tags in order, of a repeated key the last: they are a
/// map, whose order is not part of the contract. Absent keys and values are empty ones.
pub(crate) fn envelope(bytes: &[u8]) -> Result<v1::Envelope> {
    let mut envelope =
        v1::Envelope::decode(Bytes::copy_from_slice(bytes)).context("not a V1 envelope")?;
    for tag in &mut envelope.tags {
        tag.key.get_or_insert_default();
        tag.value.get_or_insert_default();
    }
    envelope.tags.reverse();
    envelope.tags.sort_by(|a, b| a.key.cmp(&b.key));
    envelope.tags.dedup_by(|a, b| a.key == b.key);
    Ok(envelope)
}
