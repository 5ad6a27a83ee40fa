//! Cuts a stream of bytes into log lines.

/// Longest line that travels as one envelope, in bytes: with its tags it still fits
/// a UDP datagram further down. Longer lines are cut.
pub(crate) const MAX_LINE: usize = 60 << 10;

/// Collects bytes until a line end. A line end is LF or CR LF, and is not part of
/// the line; nothing else is changed.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes, and gives every line that is complete, or long enough to be cut.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = bytes.split_at(end);
            bytes = &tail[1..];
            if self.rest.is_empty() {
                give(head, &mut line);
            } else {
                self.rest.extend_from_slice(head);
                give(&self.rest, &mut line);
                self.rest.clear();
            }
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > MAX_LINE {
            let given = cut(&self.rest, &mut line);
            self.rest.drain(..given);
        }
    }

    /// Gives what is left: a last line without a line end.
    pub(crate) fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            let given = cut(&rest, &mut line);
            line(&rest[given..]);
        }
    }
}

/// Gives a line that has ended, in pieces of at most [`MAX_LINE`].
fn give(bytes: &[u8], line: &mut impl FnMut(&[u8])) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let given = cut(bytes, line);
    line(&bytes[given..]);
}

/// Gives pieces while more than [`MAX_LINE`] is left; returns how much was given.
fn cut(bytes: &[u8], line: &mut impl FnMut(&[u8])) -> usize {
    let mut given = 0;
    while bytes.len() - given > MAX_LINE {
        let end = given + boundary(&bytes[given..given + MAX_LINE + 1]);
        line(&bytes[given..end]);
        given = end;
    }
    given
}

/// Where to cut a piece one byte longer than allowed: before its last byte, or up to
/// three bytes earlier where that byte is in the middle of a UTF-8 character.
fn boundary(bytes: &[u8]) -> usize {
    let most = bytes.len() - 1;
    (most.saturating_sub(3)..=most)
        .rev()
        .find(|at| bytes[*at] & 0b1100_0000 != 0b1000_0000)
        .unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut splitter = Lines::default();
        for piece in pieces {
            splitter.push(piece, |line| found.push(line.to_vec()));
        }
        splitter.finish(|line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn lines_end_at_lf_or_crlf_wherever_the_pieces_are_cut() {
        let text = b"one\ntwo\r\n\nfo\rur\n\xff\x00\nlast";
        let expected: Vec<&[u8]> = vec![b"one", b"two", b"", b"fo\rur", b"\xff\x00", b"last"];
        assert_eq!(lines(&[text]), expected);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes), expected);
        assert_eq!(lines(&[b"one\n"]), [b"one"]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_long_line_is_cut_and_nothing_is_lost() {
        let long = vec![b'x'; 2 * MAX_LINE + 7];
        for ended in [true, false] {
            let mut text = long.clone();
            if ended {
                text.push(b'\n');
            }
            let expected = [MAX_LINE, MAX_LINE, 7];
            let whole: Vec<_> = lines(&[&text]).iter().map(Vec::len).collect();
            assert_eq!(whole, expected);
            let pieces: Vec<&[u8]> = text.chunks(1000).collect();
            let pieced: Vec<_> = lines(&pieces).iter().map(Vec::len).collect();
            assert_eq!(pieced, expected);
        }
        let exact: Vec<_> = lines(&[&[b'x'; MAX_LINE]]).iter().map(Vec::len).collect();
        assert_eq!(exact, [MAX_LINE]);
    }

    #[test]
    fn a_cut_does_not_split_a_character() {
        let text = "x".repeat(MAX_LINE - 1) + &"ä".repeat(10) + "\n";
        let found = lines(&[text.as_bytes()]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].len(), MAX_LINE - 1);
        assert_eq!(found[1], "ä".repeat(10).as_bytes());
    }

    #[test]
    fn a_carriage_return_at_a_cut_stays_in_the_line() {
        let mut text = vec![b'x'; MAX_LINE];
        text.extend_from_slice(b"\r\n");
        assert_eq!(
            lines(&[&text]).iter().map(Vec::len).collect::<Vec<_>>(),
            [MAX_LINE]
        );
    }
}
