//! The two generations of envelopes that one exchange carries.

use logweir_proto::{frames::frames, peek::peek, peek_v1::peek_v1};

use crate::{notice, notice_v1};

/// Which schema the envelopes of a batch or a queue are of. Both are framed alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Generation {
    /// `events.Envelope`: dropsonde.
    V1,
    /// `loggregator.v2.Envelope`.
    #[default]
    V2,
}

impl Generation {
    /// Calls `visit` for each envelope of a run of frames: its source, and for how
    /// many lost envelopes it speaks, if it is a notice.
    pub(crate) fn for_each_envelope(self, run: &[u8], mut visit: impl FnMut(&str, Option<u64>)) {
        for frame in frames(run).flatten() {
            match self {
                Generation::V2 => match peek(frame.envelope) {
                    Ok(seen) => visit(seen.source_id, notice::speaks_of(frame.envelope, &seen)),
                    Err(_) => visit("", None),
                },
                Generation::V1 => match peek_v1(frame.envelope) {
                    Ok(seen) => visit(&seen.source(), notice_v1::speaks_of(frame.envelope, &seen)),
                    Err(_) => visit("", None),
                },
            }
        }
    }
}
