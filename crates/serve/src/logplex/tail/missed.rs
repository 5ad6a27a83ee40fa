//! What a session has not shown of a channel that moved to another node: lines that came to
//! that node before it was followed there.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
};

use bytes::{Bytes, BytesMut};
use logweir_proto::{frames::frames, peek::peek};

/// Lines that are known again.
const KNOWN: usize = 2048;

/// The last lines that came to a session.
#[derive(Default)]
pub(super) struct Known {
    hasher: RandomState,
    lines: VecDeque<u64>,
}

impl Known {
    /// Notes what came.
    pub(super) fn note(&mut self, run: &[u8]) {
        for frame in frames(run).flatten() {
            let Some(key) = self.key(frame.envelope) else {
                continue;
            };
            if self.lines.len() == KNOWN {
                self.lines.pop_front();
            }
            self.lines.push_back(key);
        }
    }

    /// Of what a node remembers what came after the last line that is known. If none is, the
    /// node may have had the channel long ago: what is not older than `since` (Unix
    /// nanoseconds, by the lines' own time).
    pub(super) fn missed(&self, remembered: &[u8], since: i64) -> Bytes {
        let known: HashSet<u64> = self.lines.iter().copied().collect();
        let all: Vec<_> = frames(remembered).flatten().collect();
        let is_known = |envelope| self.key(envelope).is_some_and(|key| known.contains(&key));
        let last = all.iter().rposition(|frame| is_known(frame.envelope));
        let is_new = |envelope| peek(envelope).is_ok_and(|seen| seen.timestamp >= since);
        let mut missed = BytesMut::new();
        for frame in &all[last.map_or(0, |last| last + 1)..] {
            if last.is_some() || is_new(frame.envelope) {
                missed.extend_from_slice(frame.bytes);
            }
        }
        missed.freeze()
    }

    fn key(&self, envelope: &[u8]) -> Option<u64> {
        let seen = peek(envelope).ok()?;
        let content = (seen.timestamp, seen.instance_id, seen.message);
        Some(self.hasher.hash_one(content))
    }
}

#[cfg(test)]
mod tests {
    use logweir_wire::logplex::frame_of;

    use super::*;

    fn lines(numbers: std::ops::Range<i64>) -> Bytes {
        let mut out = BytesMut::new();
        for number in numbers {
            let message = format!("<190>1 - host app web.1 - - line {number}");
            frame_of("1", number, message.as_bytes(), &mut out);
        }
        out.freeze()
    }

    #[test]
    fn what_came_after_the_last_known_line_was_missed() {
        let mut known = Known::default();
        known.note(&lines(0..10));
        assert_eq!(known.missed(&lines(5..13), 100), lines(10..13));
        assert_eq!(known.missed(&lines(5..10), 0), Bytes::new());
        // Nothing is known of it: what is new by its time.
        assert_eq!(known.missed(&lines(20..30), 25), lines(25..30));
        assert_eq!(known.missed(&[], 0), Bytes::new());
    }

    #[test]
    fn only_so_many_lines_are_known_again() {
        let mut known = Known::default();
        known.note(&lines(0..5000));
        assert_eq!(known.lines.len(), KNOWN);
        assert_eq!(known.missed(&lines(0..10), 8), lines(8..10));
        assert_eq!(
            known.missed(&lines(4990..5001), i64::MAX),
            lines(5000..5001)
        );
    }
}
