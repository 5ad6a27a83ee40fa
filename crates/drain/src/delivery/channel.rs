//! Delivery to the receivers of Logplex channels (spec logplex §5.3 to §5.6): the bytes, and
//! which of the ways of all drains they go.

use std::{io::Write as _, pin::Pin, sync::Arc, time::SystemTime};

use logweir_proto::peek::peek;
use logweir_wire::{
    logplex::{LineView, hops, text},
    syslog::octet_counted,
};

use super::{
    Failure,
    courier::Courier,
    dial::Receiver,
    http, stream,
    tell::{Loss, nanos},
    udp,
};
use crate::{channel::ChannelDrain, logplex_url::Transport, notice};

/// Bytes below which a request's messages stay together.
pub(super) const PACKET: usize = 102_400;

/// A request that was sent and not answered yet. It is tried again with the same messages and
/// by the same name, so that the receiver can know it again.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// `Logplex-Frame-Id`.
    pub(super) id: u128,
    /// Messages of the batch that are in it.
    pub(super) messages: usize,
}

impl Frame {
    pub(super) fn new(messages: usize) -> Self {
        Self {
            id: fastrand::u128(..),
            messages,
        }
    }
}

/// A connection of a channel's drain.
pub(super) fn session(
    courier: &mut Courier,
    drain: Arc<ChannelDrain>,
) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + '_>> {
    match drain.url.transport() {
        Transport::Tcp | Transport::Tls => {
            Box::pin(stream::session(courier, Receiver::Channel(drain)))
        }
        Transport::Udp => Box::pin(udp::session(courier, Receiver::Channel(drain))),
        Transport::Http | Transport::Https => Box::pin(http::frames(courier, drain)),
    }
}

/// How a channel's lines are written for its drain.
pub(in crate::delivery) struct LineForm {
    token: Arc<str>,
    framing: Framing,
    /// The channel that a line is of goes with it.
    firehose: bool,
}

#[derive(Clone, Copy)]
enum Framing {
    Http { strict: bool },
    Counted,
    Bare,
}

impl LineForm {
    pub(in crate::delivery) fn of(drain: &ChannelDrain) -> Self {
        let framing = match drain.url.transport() {
            Transport::Tcp | Transport::Tls => Framing::Counted,
            Transport::Udp => Framing::Bare,
            Transport::Http | Transport::Https => Framing::Http {
                strict: drain.strict,
            },
        };
        Self {
            token: drain.token.clone(),
            framing,
            firehose: drain.firehose,
        }
    }

    /// Whether an envelope tells a channel about its drains, which do not get it. The firehose
    /// gets what other channels are told.
    pub(in crate::delivery) fn is_about_drains(&self, envelope: &[u8]) -> bool {
        let own = Some(&*self.token).filter(|_| self.firehose);
        notice::is_of_channel(own, envelope)
    }

    /// Appends the message of an envelope. False if it makes none: it is no log, or the line
    /// has no header.
    pub(in crate::delivery) fn write(&self, envelope: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(line) = LineView::of_envelope(envelope) else {
            return false;
        };
        if self.firehose {
            self.write_named(envelope, &line, out);
            return true;
        }
        match self.framing {
            Framing::Http { strict } => text::http_frame(&line, strict, out),
            Framing::Counted => text::syslog_frame(&line, &self.token, out),
            Framing::Bare => text::syslog_message(&line, &self.token, out),
        }
        true
    }

    /// How far an envelope's line has gone, if its receiver is told.
    pub(in crate::delivery) fn hops(&self, envelope: &[u8]) -> u8 {
        match self.framing {
            Framing::Http { .. } => hops::of(envelope),
            Framing::Counted | Framing::Bare => 0,
        }
    }

    /// A line of the firehose: its channel is in the structured data, also of requests, which
    /// otherwise have none.
    fn write_named(&self, envelope: &[u8], line: &LineView<'_>, out: &mut Vec<u8>) {
        let channel = peek(envelope).map_or("", |seen| seen.source_id);
        let host = match self.framing {
            Framing::Http { .. } => "host",
            Framing::Counted | Framing::Bare => &self.token,
        };
        let mut message = Vec::with_capacity(line.content.len() + 160);
        // Writing to a Vec cannot fail.
        let _ = write!(message, "<{}>1 ", line.pri);
        message.extend_from_slice(&line.time);
        for word in [host.as_bytes(), &line.source, &line.ps] {
            message.push(b' ');
            message.extend_from_slice(word);
        }
        message.extend_from_slice(b" - [logplex@47450 channel=\"");
        for byte in channel.bytes() {
            if b"\"\\]".contains(&byte) {
                message.push(b'\\');
            }
            message.push(byte);
        }
        message.extend_from_slice(b"\"] ");
        message.extend_from_slice(line.content);
        if !line.content.ends_with(b"\n") {
            message.push(b'\n');
        }
        match self.framing {
            Framing::Bare => out.extend_from_slice(&message),
            _ => octet_counted(&message, out),
        }
    }
}

/// The first frame of what is sent after a loss (L10).
pub(super) fn l10(drain: &ChannelDrain, loss: Loss) -> Vec<u8> {
    let mut out = Vec::with_capacity(200);
    let (since, now) = (nanos(loss.since), nanos(SystemTime::now()));
    match drain.url.transport().is_http() {
        true => text::l10_http_frame(loss.lines, since, now, drain.strict, &mut out),
        false => text::l10_syslog_frame(loss.lines, since, now, &drain.token, &mut out),
    }
    out
}
