//! How envelopes become messages.

use logweir_proto::peek::peek;
use logweir_wire::syslog::{self, Style};

use super::Batch;
use crate::filter::Filter;

/// One message.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// One past its last byte.
    pub(super) end: usize,
    /// Position of its envelope in the batch.
    pub(super) envelope: u32,
    /// Envelopes before it that the filter left out.
    pub(super) filtered: u32,
    /// The envelope has no further message.
    pub(super) last: bool,
    /// Counted as lost.
    pub(super) lost: bool,
}

/// How messages are put one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Framing {
    /// Each with its length before it (RFC 6587).
    OctetCounted,
    /// As they are; each ends in a newline.
    Bare,
}

/// How envelopes become messages.
pub(in crate::delivery) struct Form {
    pub(in crate::delivery) style: Style,
    pub(in crate::delivery) filter: Filter,
    pub(in crate::delivery) framing: Framing,
}

impl Batch {
    /// Makes the messages of an envelope. Returns how many of its fields were changed.
    pub(super) fn format(&mut self, envelope: &[u8], form: &Form) -> usize {
        let before = self.marks.len();
        let mark = |end| Mark {
            end,
            envelope: self.envelopes,
            filtered: self.filtered,
            last: false,
            lost: false,
        };
        self.ends.clear();
        let written = match form.framing {
            Framing::Bare => {
                let written =
                    syslog::messages(envelope, &form.style, &mut self.out, &mut self.ends);
                self.marks.extend(self.ends.iter().copied().map(mark));
                written
            }
            Framing::OctetCounted => {
                self.scratch.clear();
                let written =
                    syslog::messages(envelope, &form.style, &mut self.scratch, &mut self.ends);
                let mut start = 0;
                for end in &self.ends {
                    syslog::octet_counted(&self.scratch[start..*end], &mut self.out);
                    self.marks.push(mark(self.out.len()));
                    start = *end;
                }
                written
            }
        };
        if let [.., last] = &mut self.marks[before..] {
            last.last = true;
        }
        written.sanitised
    }
}

pub(super) fn wanted(envelope: &[u8], filter: &Filter) -> bool {
    peek(envelope).is_ok_and(|seen| filter.wants(envelope, &seen))
}
