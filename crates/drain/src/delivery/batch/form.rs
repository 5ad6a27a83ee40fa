//! How envelopes become messages.

use std::{borrow::Cow, sync::Arc};

use bytes::BytesMut;
use logweir_proto::{edit, peek::peek};
use logweir_wire::{
    graphite, json,
    syslog::{self, Style},
};

use super::Batch;
use crate::{
    delivery::{Naming, channel::LineForm},
    exit::Exit,
    filter::Filter,
    kafka::draft,
    names::Names,
    notice,
    nozzle::{To, Value},
    url::Scheme,
};

/// One message.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// One past its last byte.
    pub(super) end: usize,
    /// Position of its envelope in the batch.
    pub(super) envelope: u32,
    /// Envelopes before it that the filter left out.
    pub(super) filtered: u32,
    /// The envelope has no further message.
    pub(super) last: bool,
    /// The receiver has it, though perhaps not one before it.
    pub(super) taken: bool,
    /// It never will.
    pub(super) lost: bool,
    /// Its envelope is counted as lost: several messages may belong to one.
    pub(super) told: bool,
}

/// How messages are put one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Framing {
    /// Each with its length before it (RFC 6587).
    OctetCounted,
    /// As they are; each ends in a newline.
    Bare,
}

/// What a message is.
pub(in crate::delivery) enum Shape {
    /// RFC 5424.
    Syslog { style: Style, framing: Framing },
    /// A line of JSON.
    Json,
    /// Lines of Carbon's plaintext protocol.
    Graphite { prefix: String },
    /// A record of Kafka, as far as it can be made alone.
    Record(Value),
    /// A line of a Logplex channel.
    Line(LineForm),
}

impl Shape {
    fn of(exit: &Exit) -> Self {
        let drain = match exit {
            Exit::Drain(drain) => drain,
            Exit::Channel(drain) => return Self::Line(LineForm::of(drain)),
            Exit::Nozzle(nozzle) => {
                return match &nozzle.to {
                    To::File(_) => Self::Json,
                    To::Graphite(to) => Self::Graphite {
                        prefix: to.prefix.clone(),
                    },
                    To::Kafka(to) => Self::Record(to.value),
                };
            }
        };
        let framing = match drain.url.scheme() {
            Scheme::Syslog | Scheme::SyslogTls => Framing::OctetCounted,
            Scheme::SyslogUdp | Scheme::Https | Scheme::HttpsBatch => Framing::Bare,
        };
        let style = Style {
            hostname: drain.hostname().to_owned(),
            metadata: drain.url.params().metadata,
        };
        Self::Syslog { style, framing }
    }
}

/// How envelopes become messages.
pub(in crate::delivery) struct Form {
    pub(in crate::delivery) shape: Shape,
    pub(in crate::delivery) filter: Filter,
    /// Those that envelopes lack.
    pub(in crate::delivery) names: Option<Arc<Names>>,
    /// The id of the drain: it is not told about itself.
    pub(in crate::delivery) drain: String,
}

/// What is to be done with an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Message,
    /// The filter leaves it out.
    Other,
    /// It tells the app about this very drain.
    Own,
}

impl Form {
    pub(in crate::delivery) fn of(exit: &Exit, naming: Option<&Naming>) -> Self {
        let shape = Shape::of(exit);
        let names = naming.filter(|naming| match shape {
            Shape::Syslog { .. } => naming.drains,
            // There is no room for them.
            Shape::Graphite { .. } | Shape::Line(_) => false,
            Shape::Json | Shape::Record(_) => true,
        });
        Self {
            names: names.map(|naming| naming.names.clone()),
            shape,
            filter: exit.filter(),
            drain: exit.id().to_owned(),
        }
    }

    /// Whether messages are those of a Logplex channel.
    pub(super) fn is_of_channel(&self) -> bool {
        matches!(self.shape, Shape::Line(_))
    }

    pub(super) fn wants(&self, envelope: &[u8]) -> Want {
        let filter = &self.filter;
        let wanted = |seen| filter.wants(envelope, &seen);
        if filter.reads_types() && !peek(envelope).is_ok_and(wanted) {
            Want::Other
        } else if match &self.shape {
            Shape::Line(form) => form.is_about_drains(envelope),
            _ => notice::is_about(&self.drain, envelope),
        } {
            Want::Own
        } else {
            Want::Message
        }
    }
}

impl Batch {
    /// Makes the messages of an envelope. Returns how many of its fields were changed.
    pub(super) fn format(&mut self, envelope: &[u8], form: &Form) -> usize {
        let named = match &form.names {
            None => Cow::Borrowed(envelope),
            Some(names) => names.fill(envelope),
        };
        let envelope = &*named;
        let before = self.marks.len();
        let mark = |end| Mark {
            end,
            envelope: self.envelopes,
            filtered: self.filtered,
            last: false,
            taken: false,
            lost: false,
            told: false,
        };
        self.ends.clear();
        let sanitised = match &form.shape {
            Shape::Syslog {
                style,
                framing: Framing::Bare,
            } => syslog::messages(envelope, style, &mut self.out, &mut self.ends).sanitised,
            Shape::Syslog {
                style,
                framing: Framing::OctetCounted,
            } => {
                self.scratch.clear();
                let ends = &mut self.ends;
                let written = syslog::messages(envelope, style, &mut self.scratch, ends);
                let mut start = 0;
                for end in ends {
                    syslog::octet_counted(&self.scratch[start..*end], &mut self.out);
                    start = *end;
                    *end = self.out.len();
                }
                written.sanitised
            }
            Shape::Json => {
                if json::line(&preferred(envelope), &mut self.out) {
                    self.ends.push(self.out.len());
                }
                0
            }
            Shape::Record(value) => {
                if draft::write(&preferred(envelope), *value, &mut self.out) {
                    self.ends.push(self.out.len());
                }
                0
            }
            Shape::Line(form) => {
                if form.write(envelope, &mut self.out) {
                    self.ends.push(self.out.len());
                    self.hops = self.hops.max(form.hops(envelope));
                }
                0
            }
            Shape::Graphite { prefix } => {
                graphite::lines(envelope, prefix, &mut self.out, &mut self.ends).sanitised
            }
        };
        self.marks.extend(self.ends.iter().copied().map(mark));
        if let [.., last] = &mut self.marks[before..] {
            last.last = true;
        }
        sanitised
    }
}

/// The envelope with one map of tags, for readers who know no other.
fn preferred(envelope: &[u8]) -> Cow<'_, [u8]> {
    if !peek(envelope).is_ok_and(|seen| seen.has_deprecated_tags) {
        return Cow::Borrowed(envelope);
    }
    let mut moved = BytesMut::new();
    edit::to_preferred(envelope, &mut moved);
    Cow::Owned(moved.to_vec())
}
