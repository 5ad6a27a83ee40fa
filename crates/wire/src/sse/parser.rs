//! Splits an event stream into events, fed in chunks of any size.

#[cfg(test)]
mod tests;

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
}

/// An event that outgrew the parser's limit; the stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event longer than {limit} bytes")]
pub struct EventTooLong {
    /// The limit that was set.
    pub limit: usize,
}

/// An incremental parser. Takes LF, CR and CRLF line ends, comments, and data in
/// several lines, as the HTML standard's event streams have them.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The line that is not ended yet.
    line: Vec<u8>,
    /// The last line ended in CR: a LF that follows belongs to it.
    after_cr: bool,
    name: Vec<u8>,
    /// The data so far; none if the event has no data line yet.
    data: Option<Vec<u8>>,
}

impl Parser {
    /// A parser that holds at most about `limit` bytes of one event.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_cr: false,
            name: Vec::new(),
            data: None,
        }
    }

    /// Reads on; the events that `chunk` completes. What is incomplete when the
    /// stream ends is to be forgotten.
    ///
    /// # Errors
    /// [`EventTooLong`] when an event outgrows the limit; the events before it in
    /// the same chunk are lost.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, EventTooLong> {
        let mut events = Vec::new();
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_cr = false;
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend_line(&rest[..end])?;
            let ended_by = rest[end];
            rest = &rest[end + 1..];
            if ended_by == b'\r' {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let line = std::mem::take(&mut self.line);
            events.extend(self.end_line(&line));
            // Keep the allocation for the next line.
            self.line = line;
            self.line.clear();
        }
        self.extend_line(rest)?;
        Ok(events)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), EventTooLong> {
        let data = self.data.as_ref().map_or(0, Vec::len);
        if self.line.len() + bytes.len() + data > self.limit {
            return Err(EventTooLong { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
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
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take()?;
        Some(match &*name {
            b"" | b"message" => Event::Batch(data),
            b"heartbeat" => Event::Heartbeat,
            b"closing" => Event::Closing,
            _ => Event::Other(String::from_utf8_lossy(&name).into_owned()),
        })
    }
}
