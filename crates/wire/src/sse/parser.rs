//! Splits an event stream into events, fed in chunks of any size.

use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// The longest event by default. A batch of 10 MiB is some 16 MiB of JSON, six
/// times its size where every byte of a string needs an escape.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// What a gateway tells its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A batch of envelopes, as JSON for [`parse_batch`](crate::json::parse_batch).
    Batch(Vec<u8>),
    /// The stream is alive.
    Heartbeat,
    /// The stream ends by design: connect again.
    Closing,
    /// An event of another name, to be passed over.
    Other(String),
    /// An event longer than the parser's limit was passed over.
    TooLong,
}

/// An incremental parser: [`push`](Parser::push) bytes, then take the events out
/// of the iterator until it gives none. Takes LF, CR and CRLF line ends, comments,
/// and data in several lines, as the HTML standard's event streams have them.
///
/// An event that is incomplete when the stream ends is never given.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    events: VecDeque<Event>,
    /// The line that is not ended yet.
    line: Vec<u8>,
    /// The last line ended in CR: a LF that follows belongs to it.
    after_cr: bool,
    /// The event that is not ended yet.
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    too_long: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser for events of up to 64 MiB.
    pub fn new() -> Self {
        Self::with_limit(MAX_EVENT)
    }

    /// A parser that holds at most `limit` bytes of an event; longer ones become
    /// [`Event::TooLong`].
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            events: VecDeque::new(),
            line: Vec::new(),
            after_cr: false,
            name: Vec::new(),
            data: None,
            too_long: false,
        }
    }

    /// Reads on.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_cr = false;
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend_line(&rest[..end]);
            let ended_by = rest[end];
            rest = &rest[end + 1..];
            if ended_by == b'\r' {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            // Taken and given back to keep its allocation.
            let mut line = std::mem::take(&mut self.line);
            self.end_line(&line);
            line.clear();
            self.line = line;
        }
        self.extend_line(rest);
    }

    /// Adds to the line, unless the event is too long: then its bytes go, but a
    /// line that is not empty must not become the empty one that ends the event.
    fn extend_line(&mut self, bytes: &[u8]) {
        let held = self.line.len() + self.name.len() + self.data.as_ref().map_or(0, Vec::len);
        if held + bytes.len() > self.limit {
            self.too_long = true;
            self.data = None;
            self.name = Vec::new();
            self.line = b":".to_vec();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => match &mut self.data {
                None => self.data = Some(value.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            // Comments have an empty field name; `id` and `retry` are not used here.
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take();
        if std::mem::take(&mut self.too_long) {
            self.events.push_back(Event::TooLong);
        } else if let Some(data) = data {
            self.events.push_back(match &*name {
                b"" | b"message" => Event::Batch(data),
                b"heartbeat" => Event::Heartbeat,
                b"closing" => Event::Closing,
                _ => Event::Other(String::from_utf8_lossy(&name).into_owned()),
            });
        }
    }
}

impl Iterator for Parser {
    type Item = Event;

    /// The next event that is complete.
    fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
