//! What of a stranger's batch may be passed on: well-formed envelopes with valid
//! UTF-8. The rest is counted and goes alone.

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    frames::{Frame, frames, push_frame},
    peek::{Peek, PeekError, peek},
    peek_v1::{PeekV1, peek_v1},
    sanitize::sanitize,
};

use crate::{generation::Generation, index::KindMask, queue::Span, v1::Classes};

/// What was found in one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Envelopes in the batch, malformed ones included.
    pub envelopes: u64,
    /// Frames that were no envelope.
    pub malformed: u64,
    /// Envelopes whose invalid UTF-8 was replaced.
    pub sanitized: u64,
}

/// A frame that cannot be passed on as it is.
pub(crate) struct Unclean;

/// Where a frame lies and what it holds.
pub(crate) fn span(frame: &Frame<'_>, envelope: &Peek<'_>) -> Result<Span, Unclean> {
    Ok(Span {
        start: u32::try_from(frame.start).map_err(|_| Unclean)?,
        end: u32::try_from(frame.start + frame.bytes.len()).map_err(|_| Unclean)?,
        kind: KindMask::of(envelope.kind),
        deprecated_tags: envelope.has_deprecated_tags,
    })
}

/// The same for a V1 envelope.
pub(crate) fn span_v1(frame: &Frame<'_>, envelope: &PeekV1<'_>) -> Result<Span, Unclean> {
    Ok(Span {
        start: u32::try_from(frame.start).map_err(|_| Unclean)?,
        end: u32::try_from(frame.start + frame.bytes.len()).map_err(|_| Unclean)?,
        kind: Classes::of(Some(envelope.class())).0,
        deprecated_tags: false,
    })
}

/// Checks a batch and writes where its frames lie into `spans`. The batch that
/// comes back is the same bytes unless something in it was unclean.
pub fn admit(generation: Generation, batch: Bytes, spans: &mut Vec<Span>) -> (Bytes, Admitted) {
    if collect(generation, &batch, spans).is_ok() {
        let admitted = Admitted {
            envelopes: spans.len() as u64,
            ..Admitted::default()
        };
        return (batch, admitted);
    }
    let (clean, mut admitted) = cleaned(generation, &batch);
    if collect(generation, &clean, spans).is_err() {
        spans.clear();
    }
    admitted.envelopes = spans.len() as u64 + admitted.malformed;
    (clean, admitted)
}

fn collect(generation: Generation, batch: &[u8], spans: &mut Vec<Span>) -> Result<(), Unclean> {
    spans.clear();
    for frame in frames(batch) {
        let frame = frame.map_err(|_| Unclean)?;
        spans.push(match generation {
            Generation::V2 => span(&frame, &peek(frame.envelope).map_err(|_| Unclean)?)?,
            Generation::V1 => span_v1(&frame, &peek_v1(frame.envelope).map_err(|_| Unclean)?)?,
        });
    }
    Ok(())
}

/// Rebuilds a batch without its malformed frames and, in V2, with valid UTF-8.
pub(crate) fn cleaned(generation: Generation, batch: &[u8]) -> (Bytes, Admitted) {
    let mut clean = BytesMut::with_capacity(batch.len());
    let mut admitted = Admitted::default();
    for frame in frames(batch) {
        let Ok(frame) = frame else {
            // Where the framing itself breaks, nothing after it can be read.
            admitted.malformed += 1;
            break;
        };
        let seen = match generation {
            Generation::V2 => peek(frame.envelope).map(|_| ()),
            Generation::V1 => peek_v1(frame.envelope).map(|_| ()),
        };
        match seen {
            Ok(()) => clean.extend_from_slice(frame.bytes),
            Err(PeekError::InvalidUtf8) => match sanitize(frame.envelope) {
                Ok(envelope) => {
                    push_frame(&mut clean, &envelope);
                    admitted.sanitized += 1;
                }
                Err(_) => admitted.malformed += 1,
            },
            Err(PeekError::Malformed(_)) => admitted.malformed += 1,
        }
    }
    (clean.freeze(), admitted)
}
