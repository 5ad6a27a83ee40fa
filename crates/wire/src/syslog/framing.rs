//! The messages of a syslog connection: octet counting and newlines (RFC 6587 §3.4),
//! told apart by the connection's first byte; [`begun`] is another one.

pub mod begun;

/// How messages follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The length in decimal digits, a space, the message. Newlines between messages
    /// are passed over.
    OctetCounted,
    /// Each message ends in a newline, or in a NUL as Python's handler ends its own. A
    /// carriage return before it goes too, and empty lines are no messages.
    Newline,
}

/// What is wrong with a stream of frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The message is passed over, and the stream goes on after it.
    #[error("a syslog message of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Bytes that were announced; of a line those that were seen so far.
        length: u64,
        /// The decoder's limit.
        limit: usize,
    },
    /// Where a message's length should be is something else: the stream is lost.
    #[error("octet counting: found {found} where the length of a message should be")]
    NoLength {
        /// What was found, printable.
        found: String,
    },
    /// The stream ended within a message.
    #[error("octet counting: the stream ended {missing} bytes before the end of a message")]
    Truncated {
        /// Bytes that never came.
        missing: u64,
    },
}

impl FramingError {
    /// True if nothing after it can be read, so that the connection should be closed.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, FramingError::TooLong { .. })
    }
}

/// Digits of the longest length that is read: enough for any, too few to overflow.
const LENGTH_DIGITS: usize = 18;

/// Splits the bytes of one connection into messages.
///
/// [`push`](Decoder::push) what arrived, then take messages with
/// [`next_message`](Decoder::next_message) until there is none; at the end of the
/// stream [`finish`](Decoder::finish). Holds at most its limit and what was pushed last.
#[derive(Debug)]
pub struct Decoder {
    framing: Option<Framing>,
    limit: usize,
    buffer: Vec<u8>,
    /// Where the unread bytes start.
    read: usize,
    /// Bytes after `read` that are known to hold no newline.
    searched: usize,
    skip: Skip,
    broken: bool,
}

/// What is passed over before the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    /// So many bytes of a counted message.
    Bytes(u64),
    /// The rest of a line.
    Line,
}

impl Decoder {
    /// A decoder that finds the framing out by itself and refuses messages of more than
    /// `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            framing: None,
            limit,
            buffer: Vec::new(),
            read: 0,
            searched: 0,
            skip: Skip::Nothing,
            broken: false,
        }
    }

    /// A decoder for one framing.
    pub fn with_framing(framing: Framing, limit: usize) -> Self {
        Self {
            framing: Some(framing),
            ..Self::new(limit)
        }
    }

    /// The framing, once known.
    pub fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.buffer.drain(..self.read);
        self.read = 0;
        let bytes = match self.skip {
            Skip::Bytes(left) => {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                let skipped = left.min(bytes.len());
                self.skip = match left - skipped {
                    0 => Skip::Nothing,
                    left => Skip::Bytes(left as u64),
                };
                &bytes[skipped..]
            }
            Skip::Nothing | Skip::Line => bytes,
        };
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; none if more bytes are needed. After a fatal error there
    /// is none any more.
    ///
    /// # Errors
    /// [`FramingError`], each once.
    pub fn next_message(&mut self) -> Option<Result<&[u8], FramingError>> {
        if self.broken {
            return None;
        }
        let framing = match self.framing {
            Some(framing) => framing,
            None => {
                let first = *self.buffer.get(self.read)?;
                let framing = match first {
                    b'0'..=b'9' => Framing::OctetCounted,
                    _ => Framing::Newline,
                };
                *self.framing.insert(framing)
            }
        };
        let message = match framing {
            Framing::OctetCounted => self.counted(),
            Framing::Newline => self.line(),
        };
        match message? {
            Ok(range) => Some(Ok(&self.buffer[range])),
            Err(error) => {
                if error.is_fatal() {
                    self.fail();
                }
                Some(Err(error))
            }
        }
    }

    /// What is left when the stream has ended: the last line if it lacks its newline.
    ///
    /// # Errors
    /// [`FramingError::Truncated`] within a counted message, and what
    /// [`next_message`](Decoder::next_message) says.
    pub fn finish(&mut self) -> Option<Result<&[u8], FramingError>> {
        if self.broken || (self.buffer.len() == self.read && self.skip == Skip::Nothing) {
            return None;
        }
        self.broken = true;
        if self.framing == Some(Framing::OctetCounted) {
            return self.cut_off().map(Err);
        }
        let line = match self.skip {
            Skip::Line => &[],
            _ => trimmed(&self.buffer[self.read..]),
        };
        (!line.is_empty()).then_some(Ok(line))
    }

    /// What is wrong with a counted stream that ends here.
    fn cut_off(&mut self) -> Option<FramingError> {
        let missing = match self.skip {
            Skip::Bytes(left) => left,
            _ => match self.length() {
                Ok(Some((length, digits))) => {
                    let seen = self.buffer.len() - self.read - digits;
                    (length as u64).saturating_sub(seen as u64)
                }
                // Newlines may stand after the last message.
                Ok(None) if self.buffer.len() == self.read => return None,
                Ok(None) => 1,
                Err(error) => return Some(error),
            },
        };
        Some(FramingError::Truncated { missing })
    }

    /// The place of the next counted message.
    fn counted(&mut self) -> Option<Result<std::ops::Range<usize>, FramingError>> {
        let (length, digits) = match self.length() {
            Ok(found) => found?,
            Err(error) => return Some(Err(error)),
        };
        let start = self.read + digits;
        let there = self.buffer.len() - start;
        if length > self.limit {
            let skipped = length.min(there);
            self.read = start + skipped;
            self.skip = match length - skipped {
                0 => Skip::Nothing,
                left => Skip::Bytes(left as u64),
            };
            return Some(Err(FramingError::TooLong {
                length: length as u64,
                limit: self.limit,
            }));
        }
        if there < length {
            return None;
        }
        self.read = start + length;
        Some(Ok(start..start + length))
    }

    /// The length at the start of a counted message and how many bytes it takes with
    /// its space; none if they are not all there.
    fn length(&mut self) -> Result<Option<(usize, usize)>, FramingError> {
        while self.buffer.get(self.read) == Some(&b'\n') {
            self.read += 1;
        }
        let rest = &self.buffer[self.read..];
        let digits = rest
            .iter()
            .take(LENGTH_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let no_length = || FramingError::NoLength {
            found: printable(rest),
        };
        if rest.first() == Some(&b'0') || digits > LENGTH_DIGITS {
            return Err(no_length());
        }
        match rest.get(digits) {
            None => Ok(None),
            Some(b' ') if digits > 0 => {
                let text = std::str::from_utf8(&rest[..digits]).unwrap_or_default();
                let length = text.parse().map_err(|_| no_length())?;
                Ok(Some((length, digits + 1)))
            }
            Some(_) => Err(no_length()),
        }
    }

    /// The place of the next line.
    fn line(&mut self) -> Option<Result<std::ops::Range<usize>, FramingError>> {
        loop {
            let rest = &self.buffer[self.read..];
            let mut unsearched = rest[self.searched..].iter();
            let newline = unsearched.position(|byte| matches!(byte, b'\n' | b'\0'));
            let skipping = self.skip == Skip::Line;
            let Some(newline) = newline.map(|at| self.searched + at) else {
                self.searched = rest.len();
                if !skipping && trimmed(rest).len() <= self.limit {
                    return None;
                }
                let length = rest.len() as u64;
                self.forget();
                self.skip = Skip::Line;
                return (!skipping).then_some(Err(self.too_long(length)));
            };
            let start = self.read;
            let length = newline;
            self.read += newline + 1;
            self.searched = 0;
            self.skip = Skip::Nothing;
            if skipping {
                continue;
            }
            let line = trimmed(&self.buffer[start..start + length]).len();
            if line > self.limit {
                return Some(Err(self.too_long(length as u64)));
            }
            if line > 0 {
                return Some(Ok(start..start + line));
            }
        }
    }

    fn too_long(&self, length: u64) -> FramingError {
        FramingError::TooLong {
            length,
            limit: self.limit,
        }
    }

    /// Drops what is buffered.
    fn forget(&mut self) {
        self.buffer.clear();
        self.read = 0;
        self.searched = 0;
    }

    fn fail(&mut self) {
        self.broken = true;
        self.forget();
    }
}

/// A line without the carriage return that some senders end it with.
fn trimmed(line: &[u8]) -> &[u8] {
    match line {
        [line @ .., b'\r'] => line,
        line => line,
    }
}

/// The first bytes of what is no length, for a message.
fn printable(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes[..bytes.len().min(16)].escape_ascii())
}

#[cfg(test)]
mod tests;
