//! Logplex's messages as V2 envelopes and back.

mod platform;
mod read;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range};

use bytes::{BufMut, BytesMut};
use logweir_proto::put;

use super::{
    line::Line,
    time::{self, Time},
};

pub use read::message;
pub(super) use read::pair;

/// Keys of the envelope's fields: number and wire type.
pub(super) mod key {
    pub(in crate::logplex) const TIMESTAMP: u64 = 1 << 3;
    pub(in crate::logplex) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(in crate::logplex) const DEPRECATED_TAG: u64 = 3 << 3 | 2;
    pub(in crate::logplex) const LOG: u64 = 4 << 3 | 2;
    pub(in crate::logplex) const INSTANCE_ID: u64 = 8 << 3 | 2;
    pub(in crate::logplex) const TAG: u64 = 9 << 3 | 2;
    /// Members of a log, and of the entry of a map.
    pub(in crate::logplex) const FIRST: u64 = 1 << 3 | 2;
    pub(in crate::logplex) const SECOND: u64 = 2 << 3 | 2;
    pub(in crate::logplex) const SECOND_NUMBER: u64 = 2 << 3;
    /// A batch's envelope.
    pub(in crate::logplex) const FRAME: u64 = 1 << 3 | 2;
}

/// Names of tags.
mod tag {
    pub(super) const SOURCE_TYPE: &[u8] = b"source_type";
    pub(super) const PRI: &[u8] = b"pri";
    pub(super) const TIME: &[u8] = b"time";
    pub(super) const HOST: &[u8] = b"host";
    pub(super) const MSGID: &[u8] = b"msgid";
    pub(super) const STRUCTURED_DATA: &[u8] = b"structured_data";
    pub(super) const FORM: &[u8] = b"logplex";
    pub(super) const RAW: &[u8] = b"raw";
}

/// PRI of a log line that has no tag for it: facility user, severity info or err.
const OUT: u8 = 14;
const ERR: u8 = 11;
/// A field that is none.
const NIL: &[u8] = b"-";

/// What a line's text is made of, whatever brought its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineView<'a> {
    /// Facility times 8 plus severity.
    pub pri: u8,
    /// As it was received, or the envelope's timestamp.
    pub time: Time<'a>,
    /// HOSTNAME.
    pub host: &'a [u8],
    /// The token's name.
    pub source: Cow<'a, [u8]>,
    /// PROCID.
    pub ps: Cow<'a, [u8]>,
    /// MSGID.
    pub msgid: &'a [u8],
    /// Structured data; `-` is none, and the empty text that the field was missing.
    pub sd: &'a [u8],
    /// What was logged, with the newline that it may end in.
    pub content: &'a [u8],
}

/// Appends the frame (`0x0A`, length, envelope) of a message. `received` is Unix time in
/// nanoseconds, and the time of a message whose own cannot be read.
pub fn frame_of(source_id: &str, received: i64, message: &[u8], out: &mut BytesMut) {
    let line = Line::parse(message);
    put_frame(source_id, received, line, [message, b"", b""], out);
}

/// [`frame_of`] of a message whose word at `place` (its token, [`line::token`]) is replaced
/// by a name. Spaces and control characters in the name become `_`. A MSGID that is the token
/// too is replaced as well: Docker writes its tag in both places, and a token is a secret.
///
/// [`line::token`]: super::line::token
pub fn frame_renamed(
    source_id: &str,
    received: i64,
    (message, place): (&[u8], Range<usize>),
    name: &str,
    out: &mut BytesMut,
) {
    let name = word(name.as_bytes());
    let mut line = Line::parse(message);
    if let Some(line) = &mut line {
        line.source = &name;
        if line.msgid == &message[place.clone()] {
            line.msgid = &name;
        }
    }
    let parts = [&message[..place.start], &name, &message[place.end..]];
    put_frame(source_id, received, line, parts, out);
}

/// `line` is what the joined parts of the message are taken for.
fn put_frame(
    source_id: &str,
    received: i64,
    line: Option<Line<'_>>,
    parts: [&[u8]; 3],
    out: &mut BytesMut,
) {
    let time = line.as_ref().and_then(|line| time::read(line.time));
    let (timestamp, same_time) = time.unwrap_or((received, false));
    let error = line.as_ref().is_some_and(|line| line.pri & 7 <= 3);
    let mut head = Head {
        source_id,
        timestamp,
        error,
        instance_id: b"",
        tags: Tags::default(),
    };
    if let Some(line) = &line {
        let names = is_word(line.source) && is_word(line.ps);
        if names {
            head.instance_id = line.ps;
            head.tags.put(tag::SOURCE_TYPE, line.source);
        }
        let rest = [line.time, line.host, line.msgid];
        let sd = std::str::from_utf8(line.sd).is_ok();
        if names && rest.into_iter().all(is_word) && sd && line.plain {
            head.tags.put_line(line, error, same_time);
            return head.put(&[line.content], out);
        }
    }
    head.tags.put(tag::FORM, tag::RAW);
    head.put(&parts, out);
}

/// A frame but for its payload.
struct Head<'a> {
    source_id: &'a str,
    timestamp: i64,
    error: bool,
    instance_id: &'a [u8],
    tags: Tags<'a>,
}

impl Head<'_> {
    /// Appends the frame with the joined parts as its payload.
    fn put(&self, payload: &[&[u8]], out: &mut BytesMut) {
        let timestamp = self.timestamp.cast_unsigned();
        let bytes = payload.iter().map(|part| part.len()).sum();
        let mut log = put::bytes_len(key::FIRST, bytes);
        if self.error {
            log += put::number_len(key::SECOND_NUMBER, 1);
        }
        let length = put::number_len(key::TIMESTAMP, timestamp)
            + put::bytes_len(key::SOURCE_ID, self.source_id.len())
            + put::bytes_len(key::LOG, log)
            + put::bytes_len(key::INSTANCE_ID, self.instance_id.len())
            + self.tags.len();
        out.reserve(put::bytes_len(key::FRAME, length));
        put::head(out, key::FRAME, length);
        put::number(out, key::TIMESTAMP, timestamp);
        put::bytes(out, key::SOURCE_ID, self.source_id.as_bytes());
        put::head(out, key::LOG, log);
        put::head(out, key::FIRST, bytes);
        for part in payload {
            out.put_slice(part);
        }
        if self.error {
            put::number(out, key::SECOND_NUMBER, 1);
        }
        put::bytes(out, key::INSTANCE_ID, self.instance_id);
        self.tags.put_to(out);
    }
}

/// Tags of a line; as many as there are names.
#[derive(Default)]
struct Tags<'a> {
    tags: [(&'static [u8], &'a [u8]); 6],
    count: usize,
}

impl<'a> Tags<'a> {
    fn put(&mut self, name: &'static [u8], value: &'a [u8]) {
        if let Some(tag) = self.tags.get_mut(self.count) {
            *tag = (name, value);
            self.count += 1;
        }
    }

    /// What the envelope does not say by itself.
    fn put_line(&mut self, line: &Line<'a>, error: bool, same_time: bool) {
        if line.pri != if error { ERR } else { OUT } {
            self.put(tag::PRI, line.number);
        }
        if !same_time {
            self.put(tag::TIME, line.time);
        }
        if line.host != NIL || platform::is_type(line.source) {
            self.put(tag::HOST, line.host);
        }
        if line.msgid != NIL {
            self.put(tag::MSGID, line.msgid);
        }
        if line.sd != NIL {
            self.put(tag::STRUCTURED_DATA, line.sd);
        }
    }

    fn all(&self) -> &[(&'static [u8], &'a [u8])] {
        &self.tags[..self.count]
    }

    fn len(&self) -> usize {
        self.all()
            .iter()
            .map(|(name, value)| put::bytes_len(key::TAG, entry_len(name, value)))
            .sum()
    }

    fn put_to(&self, out: &mut BytesMut) {
        for (name, value) in self.all() {
            put::head(out, key::TAG, entry_len(name, value));
            put::bytes(out, key::FIRST, name);
            put::bytes(out, key::SECOND, value);
        }
    }
}

fn entry_len(name: &[u8], value: &[u8]) -> usize {
    put::bytes_len(key::FIRST, name.len()) + put::bytes_len(key::SECOND, value.len())
}

/// A name as a header field: `-` if it is empty.
fn word(name: &[u8]) -> Cow<'_, [u8]> {
    if name.is_empty() {
        Cow::Borrowed(NIL)
    } else if name.iter().all(|byte| fits(*byte)) {
        Cow::Borrowed(name)
    } else {
        let mend = |byte: &u8| if fits(*byte) { *byte } else { b'_' };
        Cow::Owned(name.iter().map(mend).collect())
    }
}

/// Whether a header field may be so, and a string of an envelope too.
fn is_word(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(|byte| fits(*byte)) && std::str::from_utf8(field).is_ok()
}

fn fits(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F
}
