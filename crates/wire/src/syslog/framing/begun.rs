//! Messages that are told apart by how they begin: one goes on over newlines until a newline
//! with a `<` after it, as Log Cache's syslog server reads a connection without octet
//! counting. So lines of text stay together, and what is no message is passed over.

/// What is wrong with such a stream. It can be read on after each of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BegunError {
    /// The message is passed over.
    #[error("a syslog message of more than {limit} bytes")]
    TooLong {
        /// The decoder's limit.
        limit: usize,
    },
    /// Where a message should begin is something else, which is passed over.
    #[error("found {found} where a syslog message should begin with <")]
    NoBeginning {
        /// What was found, printable.
        found: String,
    },
    /// The stream ended within a message.
    #[error("the stream ended before the newline at the end of a syslog message")]
    Truncated,
}

/// Splits the bytes of one connection into messages.
///
/// The last message is only known to be over when the next begins or the stream ends: who
/// does not want to wait for that asks for it with [`rest`](Begun::rest) after a while.
/// Holds at most its limit and what was pushed last.
#[derive(Debug)]
pub struct Begun {
    limit: usize,
    buffer: Vec<u8>,
    /// Where the unread bytes start.
    read: usize,
    /// Bytes after `read` in which no message begins.
    searched: usize,
    /// Everything until the next beginning is passed over.
    skipping: bool,
}

impl Begun {
    /// A decoder that refuses messages of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: Vec::new(),
            read: 0,
            searched: 0,
            skipping: false,
        }
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message that is known to be whole, without its last newline.
    ///
    /// # Errors
    /// [`BegunError`], each once.
    pub fn next_message(&mut self) -> Option<Result<&[u8], BegunError>> {
        loop {
            if !self.skipping {
                self.pass_newlines();
                let rest = &self.buffer[self.read..];
                if *rest.first()? != b'<' {
                    self.skipping = true;
                    let found = format!("\"{}\"", rest[..rest.len().min(16)].escape_ascii());
                    return Some(Err(BegunError::NoBeginning { found }));
                }
            }
            let rest = &self.buffer[self.read..];
            let unsearched = &rest[self.searched..];
            let Some(at) = unsearched.windows(2).position(|pair| pair == b"\n<") else {
                let all = rest.len();
                self.searched = all.saturating_sub(1);
                if self.skipping {
                    // A newline may be half of a beginning.
                    self.read += self.searched;
                    self.searched = 0;
                    return None;
                }
                if all <= self.limit + 1 {
                    return None;
                }
                self.skipping = true;
                return Some(Err(BegunError::TooLong { limit: self.limit }));
            };
            let start = self.read;
            let end = start + self.searched + at;
            self.read = end + 1;
            self.searched = 0;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if end - start > self.limit {
                return Some(Err(BegunError::TooLong { limit: self.limit }));
            }
            return Some(Ok(&self.buffer[start..end]));
        }
    }

    /// Whether a message may be whole whose end is not known.
    pub fn has_rest(&self) -> bool {
        !self.skipping && self.buffer.len() > self.read && self.buffer.ends_with(b"\n")
    }

    /// That message, once no more of it is expected. Only after
    /// [`next_message`](Begun::next_message) has nothing more.
    pub fn rest(&mut self) -> Option<&[u8]> {
        if !self.has_rest() {
            return None;
        }
        let start = self.read;
        self.read = self.buffer.len();
        self.searched = 0;
        Some(&self.buffer[start..self.read - 1])
    }

    /// The same when the stream has ended.
    ///
    /// # Errors
    /// [`BegunError::Truncated`] if the last message lacks its newline.
    pub fn finish(&mut self) -> Option<Result<&[u8], BegunError>> {
        let empty = self.skipping || self.read == self.buffer.len();
        if !empty && !self.has_rest() {
            self.read = self.buffer.len();
            return Some(Err(BegunError::Truncated));
        }
        self.rest().map(Ok)
    }

    fn pass_newlines(&mut self) {
        while self.buffer.get(self.read) == Some(&b'\n') {
            self.read += 1;
            self.searched = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a stream gives when it comes in pieces of `size` bytes.
    fn read(stream: &[u8], size: usize) -> Vec<Result<Vec<u8>, BegunError>> {
        let mut decoder = Begun::new(20);
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            decoder.push(piece);
            while let Some(message) = decoder.next_message() {
                found.push(message.map(<[u8]>::to_vec));
            }
        }
        found.extend(decoder.finish().map(|last| last.map(<[u8]>::to_vec)));
        found
    }

    #[test]
    fn messages_go_on_until_the_next_begins() {
        let truncated = || Err(BegunError::Truncated);
        for (stream, expected) in [
            ("", vec![]),
            ("\n\n", vec![]),
            ("<1>a\n", vec![Ok("<1>a")]),
            ("<1>a\nb<c\n<2>\n\n", vec![Ok("<1>a\nb<c"), Ok("<2>\n")]),
            ("\n<1>a\n<2>b", vec![Ok("<1>a"), truncated()]),
        ] {
            for size in 1..=stream.len().max(1) {
                let found = read(stream.as_bytes(), size);
                let expected: Vec<_> = expected
                    .iter()
                    .map(|message| message.clone().map(|text: &str| text.as_bytes().to_vec()))
                    .collect();
                assert_eq!(found, expected, "{stream:?} by {size}");
            }
        }
    }

    #[test]
    fn what_is_no_message_or_too_long_is_passed_over() {
        let long = format!("<1>{}\n<2>b\n", "x\n".repeat(20));
        for size in [1, 2, 3, 100] {
            let found = read(b"garbage\n<1>a\n", size);
            assert!(matches!(&found[0], Err(BegunError::NoBeginning { .. })));
            assert_eq!(found[1..], [Ok(b"<1>a".to_vec())]);
            let found = read(long.as_bytes(), size);
            let limit = BegunError::TooLong { limit: 20 };
            assert_eq!(found, [Err(limit), Ok(b"<2>b".to_vec())]);
        }
    }

    #[test]
    fn the_last_message_can_be_asked_for() {
        let mut decoder = Begun::new(20);
        decoder.push(b"<1>a");
        assert!(!decoder.has_rest());
        decoder.push(b"\n");
        assert_eq!(decoder.next_message(), None);
        assert_eq!(decoder.rest(), Some(&b"<1>a"[..]));
        assert_eq!(decoder.rest(), None);
        decoder.push(b"<2>b\n");
        assert_eq!(decoder.finish(), Some(Ok(&b"<2>b"[..])));
    }
}
