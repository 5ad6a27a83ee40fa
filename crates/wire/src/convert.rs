//! V1 (dropsonde) to V2 and back, on bytes.
//!
//! The rules are the field tables of the protocol page (docs/protocols/v1.md), which
//! the golden cases `v1_to_v2` and `v2_to_v1` check.

use logweir_proto::peek::PeekError;

mod names;
#[cfg(test)]
mod tests;
mod to_v1;
mod to_v2;

pub use to_v1::{NoV1, ToV1, v2_to_v1};
pub use to_v2::v1_to_v2;

/// The bytes are not an envelope of the generation they should be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert: {0}")]
pub struct ConvertError(#[from] PeekError);
