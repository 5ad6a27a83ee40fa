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

/// A line that is older than the last one by more than this was not missed while the
/// channel moved (nanoseconds, by the lines' own time).
const RECENT: i64 = 10_000_000_000;

/// The last lines that came to a session.
#[derive(Default)]
pub(super) struct Known {
    hasher: RandomState,
    lines: VecDeque<u64>,
    /// The time of the last one, as it says itself.
    last: Option<i64>,
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
            self.last = peek(frame.envelope).ok().map(|seen| seen.timestamp);
        }
    }

    /// Of what a node remembers what came after the last line that is known. If none is, the
    /// node may have had the channel long ago: then what is not much older than the last
    /// line, or than `now` (Unix nanoseconds).
    pub(super) fn missed(&self, remembered: &[u8], now: i64) -> Bytes {
        let since = self.last.unwrap_or(now).saturating_sub(RECENT);
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

    const SECOND: i64 = 1_000_000_000;

    /// Lines of one second each.
    fn lines(numbers: std::ops::Range<i64>) -> Bytes {
        let mut out = BytesMut::new();
        for number in numbers {
            let message = format!("<190>1 - host app web.1 - - line {number}");
            frame_of("1", number * SECOND, message.as_bytes(), &mut out);
        }
        out.freeze()
    }

    #[test]
    fn what_came_after_the_last_known_line_was_missed() {
        let mut known = Known::default();
        known.note(&lines(0..100));
        assert_eq!(known.missed(&lines(5..103), 0), lines(100..103));
        assert_eq!(known.missed(&lines(5..100), 0), Bytes::new());
        assert_eq!(known.missed(&[], 0), Bytes::new());
    }

    #[test]
    fn where_none_is_known_what_is_recent_was_missed() {
        let mut known = Known::default();
        assert_eq!(known.missed(&lines(0..30), 30 * SECOND), lines(20..30));
        // By the clock of the lines, whatever time it is.
        known.note(&lines(1000..1001));
        let old_and_new = [lines(0..10), lines(995..999)].concat();
        assert_eq!(known.missed(&old_and_new, i64::MAX), lines(995..999));
    }

    #[test]
    fn only_so_many_lines_are_known_again() {
        let mut known = Known::default();
        known.note(&lines(0..5000));
        assert_eq!(known.lines.len(), KNOWN);
        assert_eq!(known.missed(&lines(0..10), 0), Bytes::new());
        assert_eq!(known.missed(&lines(4990..5001), 0), lines(5000..5001));
    }
}
