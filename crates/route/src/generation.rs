//! The two generations of envelopes that one exchange carries.

use std::borrow::Cow;

use logweir_proto::{frames::frames, peek_v1::peek_v1};

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
    /// Calls `visit` for each envelope of a run of frames that was admitted: its source,
    /// and for how many lost envelopes it speaks, if it is a notice.
    pub(crate) fn for_each_envelope<'run>(
        self,
        run: &'run [u8],
        mut visit: impl FnMut(Cow<'run, str>, Option<u64>),
    ) {
        for frame in frames(run).flatten() {
            match self {
                Generation::V2 => {
                    let seen = notice::Glance::of(frame.envelope);
                    visit(
                        Cow::Borrowed(seen.source_id),
                        seen.speaks_of(frame.envelope),
                    );
                }
                Generation::V1 => match peek_v1(frame.envelope) {
                    Ok(seen) => visit(seen.source(), notice_v1::speaks_of(frame.envelope, &seen)),
                    Err(_) => visit(Cow::Borrowed(""), None),
                },
            }
        }
    }
}
