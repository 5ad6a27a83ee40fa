//! Messages into envelopes of their channels.

use std::{ops::Range, sync::Arc};

use bytes::BytesMut;
use logweir_proto::{frames::push_frame, peek::peek, v2};
use logweir_route::queue::{CHUNK_BYTES, CHUNK_ENVELOPES};
use logweir_wire::logplex::{frame_of, frame_renamed, hops, line};
use prost::Message as _;

use super::{Count, Input};
use crate::{
    grpc::{Sink, unix_nanos},
    logplex::model::{Channel, Cred, Drain, Token},
};

/// What an envelope has beside its message, at most and mostly much less: the names of tags,
/// a source id.
const ROOM: usize = 512;

/// Channels that one request counts apart before it adds them to the others' counts.
const CHANNELS: usize = 32;

/// Frames on their way to a sink.
pub(super) struct Lines {
    sink: Box<dyn Sink>,
    frames: BytesMut,
    envelopes: u32,
}

impl Lines {
    pub(super) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            sink,
            frames: BytesMut::new(),
            envelopes: 0,
        }
    }

    /// Where the frame of a message belongs.
    fn frame(&mut self, message: &[u8]) -> &mut BytesMut {
        let length = self.frames.len() + message.len() + ROOM;
        if self.envelopes == CHUNK_ENVELOPES || length > CHUNK_BYTES {
            self.send_on();
        }
        self.envelopes += 1;
        &mut self.frames
    }

    fn send_on(&mut self) {
        if self.envelopes > 0 {
            self.envelopes = 0;
            self.sink.accept(self.frames.split().freeze());
        }
    }
}

/// Who writes.
#[derive(Clone, Debug)]
pub(crate) enum Writer {
    /// Every message is of this token, whatever it names.
    Token(Arc<Token>),
    /// Each message names its token, and the credential says which channels are allowed.
    Cred(Arc<Cred>),
    /// Each message names its token.
    Anyone,
}

/// What there is of a line.
enum Received<'a> {
    /// Its message, and where its token is.
    Message(&'a [u8], Option<Range<usize>>),
    /// An envelope that was made of it.
    Envelope(&'a [u8]),
}

/// Everything between the messages of one request or connection and the exchange.
pub(crate) struct Intake {
    input: Arc<Input>,
    lines: Option<Lines>,
    writer: Writer,
    /// The drain of ours that sends this.
    from: Option<Arc<Drain>>,
    /// Whether what it sends to a channel came from there.
    looped: Option<(Arc<str>, bool)>,
    /// How far the lines have gone, from one Logweir to another.
    hops: u8,
    /// The token of the last message and where its lines go.
    last: Option<(Arc<Token>, Option<Arc<Channel>>)>,
    /// Messages by channel since the last [`Intake::send_on`]; mostly one entry.
    posted: Vec<(Arc<str>, u64)>,
    /// Whether `last` and `received` are of the messages at hand.
    arrived: bool,
    received: i64,
    counted: [u64; Count::ALL.len()],
}

impl Intake {
    pub(crate) fn new(input: &Arc<Input>, writer: Writer) -> Self {
        Self {
            input: Arc::clone(input),
            lines: None,
            writer,
            from: None,
            looped: None,
            hops: 0,
            last: None,
            posted: Vec::new(),
            arrived: false,
            received: 0,
            counted: [0; Count::ALL.len()],
        }
    }

    /// What comes was sent by a drain of ours: messages that would come back to its channel
    /// go no further.
    pub(crate) fn sent_by(&mut self, drain: Arc<Drain>) {
        self.from = Some(drain);
    }

    /// What comes has gone so far from one Logweir to another.
    pub(crate) fn gone(&mut self, hops: u8) {
        self.hops = hops;
    }

    /// What comes from now on arrived now, and tokens are looked at anew.
    fn arrive(&mut self) {
        if std::mem::replace(&mut self.arrived, true) {
            return;
        }
        self.received = unix_nanos();
        self.last = match &self.writer {
            Writer::Token(token) => self.input.registry.resolve(&token.id),
            Writer::Cred(_) | Writer::Anyone => None,
        };
    }

    /// Takes a message. Never waits.
    pub(crate) fn take(&mut self, message: &[u8]) {
        self.arrive();
        let place = match &self.writer {
            Writer::Token(token) => match line::fourth_word(message) {
                Some(place) if message[place.clone()] == *token.id.as_bytes() => Some(place),
                _ => None,
            },
            Writer::Cred(_) | Writer::Anyone => {
                let Some(place) = line::token(message) else {
                    return self.count(Count::Malformed);
                };
                if !self.resolve(&message[place.clone()]) {
                    return;
                }
                Some(place)
            }
        };
        self.publish(&Received::Message(message, place));
    }

    /// Takes a message that names a token that is known; false if it does not. Never waits.
    pub(crate) fn take_known(&mut self, message: &[u8]) -> bool {
        let Some(place) = line::token(message) else {
            return false;
        };
        self.arrive();
        let known = self.find(&message[place.clone()]);
        if known {
            self.publish(&Received::Message(message, Some(place)));
        }
        known
    }

    /// Takes the envelope of a message that names its token in another way than a word of its
    /// own; false if its source is no token that is known. Never waits.
    pub(crate) fn take_envelope(&mut self, envelope: &[u8]) -> bool {
        let source = peek(envelope).map_or("", |peek| peek.source_id);
        if !source.starts_with("t.") {
            return false;
        }
        self.arrive();
        let known = self.find(source.as_bytes());
        if known {
            self.publish(&Received::Envelope(envelope));
        }
        known
    }

    /// What is no message.
    pub(crate) fn junk(&mut self) {
        self.count(Count::Malformed);
    }

    /// Counts something for the messages at hand.
    pub(crate) fn count(&mut self, count: Count) {
        self.counted[count as usize] += 1;
    }

    /// Finds the token of a message; false if it is unknown, which is counted.
    fn resolve(&mut self, id: &[u8]) -> bool {
        let known = self.find(id);
        if !known {
            // Even the start of a token that was deleted is more than the log should tell.
            let unknown = &self.input.counts.unknown;
            unknown.tell("logplex: a message names a token that is unknown: msg=unknown_token");
            self.count(Count::UnknownToken);
        }
        known
    }

    /// Finds a token; false if it is unknown.
    fn find(&mut self, id: &[u8]) -> bool {
        if let Some((token, _)) = &self.last
            && token.id.as_bytes() == id
        {
            return true;
        }
        let id = std::str::from_utf8(id).unwrap_or_default();
        match self.input.registry.resolve(id) {
            Some(found) => self.last = Some(found),
            None => return false,
        }
        true
    }

    /// Publishes a message as one of the last token's.
    fn publish(&mut self, what: &Received<'_>) {
        let Some((token, channel)) = &self.last else {
            return self.count(Count::UnknownToken);
        };
        self.counted[Count::Received as usize] += 1;
        let Some(channel) = channel else {
            self.input.counts.unknown.tell(format_args!(
                "logplex: a token's channel {} is unknown: msg=unknown_channel",
                token.channel
            ));
            return self.count(Count::UnknownChannel);
        };
        if let Writer::Cred(cred) = &self.writer
            && !cred.may_write(&channel.id)
        {
            return self.count(Count::Forbidden);
        }
        if let Some(drain) = &self.from {
            let known = self.looped.as_ref().filter(|of| of.0 == channel.id);
            let looped = match known {
                Some((_, looped)) => *looped,
                None => {
                    let Input {
                        loops, registry, ..
                    } = &*self.input;
                    let looped = loops.leads_back(registry, drain, &channel.id);
                    self.looped = Some((Arc::clone(&channel.id), looped));
                    looped
                }
            };
            if looped {
                return self.count(Count::Looped);
            }
        }
        self.counted[Count::Taken as usize] += 1;
        let lines = self.lines.get_or_insert_with(|| self.input.lines());
        let (Received::Message(bytes, _) | Received::Envelope(bytes)) = what;
        let out = lines.frame(bytes);
        let (source, name) = (channel.source_id(), &*token.name);
        let start = out.len();
        match what {
            Received::Message(message, Some(place)) => {
                frame_renamed(source, self.received, (message, place.clone()), name, out);
            }
            Received::Message(message, None) => frame_of(source, self.received, message, out),
            Received::Envelope(envelope) => of_channel(source, name, envelope, out),
        }
        if self.hops > 0 {
            hops::mark(out, start, self.hops);
        }
        match self.posted.iter_mut().find(|posted| posted.0 == channel.id) {
            Some((_, count)) => *count += 1,
            None => self.posted.push((Arc::clone(&channel.id), 1)),
        }
        if self.posted.len() > CHANNELS {
            self.count_posts();
        }
    }

    fn count_posts(&mut self) {
        let posted = self.posted.drain(..);
        self.input.counts.posted(posted);
    }

    /// Hands on what was taken.
    pub(crate) fn send_on(&mut self) {
        self.arrived = false;
        if let Some(lines) = &mut self.lines {
            lines.send_on();
        }
        if !self.posted.is_empty() {
            self.count_posts();
        }
        let counts = &self.input.counts;
        for (count, more) in Count::ALL.into_iter().zip(&mut self.counted) {
            counts.add(count, std::mem::take(more));
        }
    }
}

/// Appends the frame of an envelope whose source id is a token, as one of the token's channel.
fn of_channel(source: &str, name: &str, envelope: &[u8], out: &mut BytesMut) {
    let Ok(mut envelope) = v2::Envelope::decode(envelope) else {
        return;
    };
    envelope.source_id = source.to_owned();
    envelope.tags.insert("source_type".into(), name.to_owned());
    if envelope.instance_id.is_empty() {
        envelope.instance_id = "-".into();
    }
    push_frame(out, &envelope.encode_to_vec());
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.send_on();
        if let Some(lines) = self.lines.take() {
            self.input.keep(lines);
        }
    }
}

#[cfg(test)]
mod tests;
