//! Octet-counted frames as Logplex reads them, over HTTP and TCP alike.
//!
//! ```text
//! stream = *( frame / junk )
//! frame  = LEN SP message        ; LEN without a leading zero, of at most 10,240
//! junk   = anything else up to a newline
//! ```

/// The longest message, in bytes.
pub const MAX_MESSAGE: usize = 10_240;
/// Digits of a length that is looked at; more are junk.
const LENGTH_DIGITS: usize = 10;
/// Junk without a newline that a stream holds, and the longest message that is passed over
/// by its length.
pub const MAX_JUNK: usize = 64 << 10;

/// What is done with a frame that announces more than [`MAX_MESSAGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// It is junk up to the next newline, as Logplex has it.
    Junk,
    /// If it looks like a message, its first [`MAX_MESSAGE`] bytes are one.
    Cut,
}

/// One piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A message without its length.
    Message(&'a [u8]),
    /// The start of a message that was too long.
    Cut(&'a [u8]),
    /// What is no frame, without its line ending.
    Junk(&'a [u8]),
}

/// The first piece of `bytes` and how many bytes it takes; none if it is not all there.
pub fn next_item(bytes: &[u8], oversize: Oversize) -> Option<(Item<'_>, usize)> {
    match piece(bytes, 0, oversize) {
        Piece::Whole(item, taken) => Some((item, taken)),
        Piece::Frame | Piece::Line => None,
    }
}

/// What bytes begin with.
enum Piece<'a> {
    /// A piece and how many bytes it takes.
    Whole(Item<'a>, usize),
    /// A part of a frame.
    Frame,
    /// A part of a line of junk.
    Line,
}

/// The first piece of `bytes`, of which the first `searched` hold no newline if they are junk.
fn piece(bytes: &[u8], searched: usize, oversize: Oversize) -> Piece<'_> {
    let Some(head) = length(bytes) else {
        return Piece::Frame;
    };
    if let Some((length, start)) = head {
        let cut = oversize == Oversize::Cut && (MAX_MESSAGE + 1..=MAX_JUNK).contains(&length);
        let looks = match bytes.get(start..start + 2) {
            Some(looks) => looks[0] == b'<' && looks[1].is_ascii_digit(),
            None if cut => return Piece::Frame,
            None => false,
        };
        if length <= MAX_MESSAGE || (cut && looks) {
            let Some(message) = bytes.get(start..start + length) else {
                return Piece::Frame;
            };
            let item = match message.get(..MAX_MESSAGE) {
                Some(first) if first.len() < message.len() => Item::Cut(first),
                _ => Item::Message(message),
            };
            return Piece::Whole(item, start + length);
        }
    }
    let Some(end) = bytes[searched..].iter().position(|byte| *byte == b'\n') else {
        return Piece::Line;
    };
    let end = searched + end;
    let junk = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    Piece::Whole(Item::Junk(junk), end + 1)
}

/// The length that `bytes` start with and where the message does; `Some(None)` if they start
/// with no length, none if that cannot be told yet.
fn length(bytes: &[u8]) -> Option<Option<(usize, usize)>> {
    let mut length = 0usize;
    for at in 0..=LENGTH_DIGITS {
        let Some(byte) = bytes.get(at) else {
            return if at == 0 || bytes[0] != b'0' {
                None
            } else {
                Some(None)
            };
        };
        match byte {
            b'0' if at == 0 => return Some(None),
            b'0'..=b'9' => {
                length = length
                    .saturating_mul(10)
                    .saturating_add(usize::from(byte - b'0'));
            }
            b' ' if at > 0 => return Some(Some((length, at + 1))),
            _ => return Some(None),
        }
    }
    Some(None)
}

/// The pieces of a body that is all there. What is left over in the end is no piece.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    oversize: Oversize,
}

impl<'a> Items<'a> {
    /// Of a body.
    pub fn of(body: &'a [u8], oversize: Oversize) -> Self {
        Self {
            rest: body,
            oversize,
        }
    }

    /// What has not been given.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (item, taken) = match next_item(self.rest, self.oversize) {
            Some(found) => found,
            // A message that was announced too long and ends early is junk to its newline.
            None if self.oversize == Oversize::Cut => next_item(self.rest, Oversize::Junk)?,
            None => return None,
        };
        self.rest = &self.rest[taken..];
        Some(item)
    }
}

/// Splits the bytes of a connection. Holds at most [`MAX_JUNK`] and what was pushed last.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the unread bytes start.
    read: usize,
    /// So many of them are junk without a newline.
    searched: usize,
    /// The line that is being read is junk that was given already.
    skipping: bool,
    oversize: Oversize,
}

impl Framer {
    /// For a new connection.
    pub fn new(oversize: Oversize) -> Self {
        Self {
            buffer: Vec::new(),
            read: 0,
            searched: 0,
            skipping: false,
            oversize,
        }
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece; none if more bytes are needed. Junk that is longer than
    /// [`MAX_JUNK`] is given once, by its start.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        if self.skipping {
            let rest = &self.buffer[self.read..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.read = self.buffer.len();
                return None;
            };
            self.read += end + 1;
            self.skipping = false;
        }
        let unread = &self.buffer[self.read..];
        match piece(unread, self.searched, self.oversize) {
            Piece::Whole(item, taken) => {
                self.read += taken;
                self.searched = 0;
                return Some(item);
            }
            Piece::Frame => {}
            Piece::Line => self.searched = unread.len(),
        }
        // A message of that length is below it with its head.
        if unread.len() <= MAX_JUNK + LENGTH_DIGITS + 1 {
            return None;
        }
        self.read = self.buffer.len();
        self.searched = 0;
        self.skipping = true;
        Some(Item::Junk(&unread[..MAX_JUNK]))
    }
}

#[cfg(test)]
mod tests;
