//! Envelopes as lines and messages.

use std::{borrow::Cow, io::Write as _};

use logweir_proto::fields::fields;

use super::{ERR, LineView, NIL, OUT, is_word, key, platform, tag, word};
use crate::logplex::{line::Line, time::Time};

impl<'a> LineView<'a> {
    /// Reads a log envelope, of Logplex or of any other way; it has passed
    /// [`peek`](logweir_proto::peek::peek). None if it is no log, or if it holds a message
    /// that has no header: tails and drains pass over it.
    pub fn of_envelope(envelope: &'a [u8]) -> Option<Self> {
        let parts = Parts::of(envelope)?;
        if parts.is_raw() {
            return Self::of_message(parts.payload);
        }
        Some(parts.view())
    }

    /// Reads a message, whose fourth word is the name of its token already. None if it has no
    /// header.
    pub fn of_message(message: &'a [u8]) -> Option<Self> {
        Line::parse(message).map(Self::of_line)
    }

    fn of_line(line: Line<'a>) -> Self {
        Self {
            pri: line.pri,
            time: Time::Given(line.time),
            host: line.host,
            source: Cow::Borrowed(line.source),
            ps: Cow::Borrowed(line.ps),
            msgid: line.msgid,
            sd: line.sd,
            content: line.content,
        }
    }
}

/// Appends the message of a log envelope: of one that [`frame_of`](super::frame_of) made the
/// very bytes, of any other one that says the same. False if it is no log.
pub fn message(envelope: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(parts) = Parts::of(envelope) else {
        return false;
    };
    if parts.is_raw() {
        out.extend_from_slice(parts.payload);
        return true;
    }
    let view = parts.view();
    // Writing to a Vec cannot fail.
    let _ = write!(out, "<{}>1", view.pri);
    for word in [&*view.time, view.host, &view.source, &view.ps, view.msgid] {
        out.push(b' ');
        out.extend_from_slice(word);
    }
    out.push(b' ');
    if !view.sd.is_empty() {
        out.extend_from_slice(view.sd);
        out.push(b' ');
    }
    out.extend_from_slice(view.content);
    true
}

/// What the fields of a log envelope say; of a repeated one the last.
#[derive(Default)]
struct Parts<'a> {
    timestamp: i64,
    instance_id: &'a [u8],
    payload: &'a [u8],
    error: bool,
    source_type: Option<&'a [u8]>,
    pri: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    msgid: Option<&'a [u8]>,
    sd: Option<&'a [u8]>,
    form: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(envelope: &'a [u8]) -> Option<Self> {
        let mut parts = Self::default();
        let mut log = None;
        for field in fields(envelope) {
            match field.key {
                key::TIMESTAMP => parts.timestamp = field.varint().cast_signed(),
                key::LOG => log = Some(field.bytes()),
                key::INSTANCE_ID => parts.instance_id = field.bytes(),
                key::TAG => {
                    let (name, value) = pair(field.bytes());
                    parts.tag(name, value);
                }
                key::DEPRECATED_TAG => {
                    // The value is a message whose first member is the text.
                    let (name, value) = pair(field.bytes());
                    parts.tag(name, pair(value).0);
                }
                _ => {}
            }
        }
        for field in fields(log?) {
            match field.key {
                key::FIRST => parts.payload = field.bytes(),
                key::SECOND_NUMBER => parts.error = field.varint() == 1,
                _ => {}
            }
        }
        Some(parts)
    }

    fn tag(&mut self, name: &[u8], value: &'a [u8]) {
        let place = match name {
            tag::SOURCE_TYPE => &mut self.source_type,
            tag::PRI => &mut self.pri,
            tag::TIME => &mut self.time,
            tag::HOST => &mut self.host,
            tag::MSGID => &mut self.msgid,
            tag::STRUCTURED_DATA => &mut self.sd,
            tag::FORM => &mut self.form,
            _ => return,
        };
        *place = Some(value);
    }

    fn is_raw(&self) -> bool {
        self.form == Some(tag::RAW)
    }

    fn view(&self) -> LineView<'a> {
        let (source, ps) = match self.source_type {
            None => platform::unnamed(self.instance_id),
            Some(source_type) if self.host.is_none() && platform::is_type(source_type) => {
                platform::names(source_type, self.instance_id)
            }
            Some(source_type) => (word(source_type), word(self.instance_id)),
        };
        let pri = self.pri.and_then(|pri| std::str::from_utf8(pri).ok());
        LineView {
            pri: pri
                .and_then(|pri| pri.parse().ok())
                .unwrap_or(if self.error { ERR } else { OUT }),
            time: match field(self.time) {
                Some(time) => Time::Given(time),
                None => Time::of(self.timestamp),
            },
            host: field(self.host).unwrap_or(NIL),
            source,
            ps,
            msgid: field(self.msgid).unwrap_or(NIL),
            sd: self.sd.unwrap_or(NIL),
            content: self.payload,
        }
    }
}

/// A tag's value if a header has room for it: others may set tags of these names too.
fn field(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| is_word(value))
}

/// The first two members of a message.
pub(in crate::logplex) fn pair(message: &[u8]) -> (&[u8], &[u8]) {
    let mut pair: (&[u8], &[u8]) = (&[], &[]);
    for field in fields(message) {
        match field.key {
            key::FIRST => pair.0 = field.bytes(),
            key::SECOND => pair.1 = field.bytes(),
            _ => {}
        }
    }
    pair
}
