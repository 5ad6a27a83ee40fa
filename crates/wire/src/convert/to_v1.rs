//! V2 to V1.

use bytes::{BufMut, BytesMut};
use logweir_proto::fields::fields;
use logweir_proto::peek::{PeekError, peek};
use logweir_proto::peek_v1::{SOURCE_ID, key};
use logweir_proto::put;
use logweir_proto::v1::envelope::EventType;
use logweir_proto::v1::log_message::MessageType;

use super::ConvertError;
use super::names::{text, v1, v2, varint};
use crate::dropsonde::put_tag;

mod envelope;
mod gauge;
mod timer;

use envelope::Envelope;

/// The place of the tag with the V1 event type among the field tags.
const TYPE: usize = 5;

/// Why an envelope has no V1 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoV1 {
    /// V1 knows no events.
    Event,
    /// The envelope carries nothing.
    NoMessage,
    /// A timer without a valid `request_id`, which V1 requires.
    TimerWithoutRequestId,
    /// A gauge without metrics.
    EmptyGauge,
}

/// How V2 envelopes become V1.
#[derive(Clone, Copy, Debug)]
pub struct ToV1 {
    /// Emit what a container's gauge holds beyond its `ContainerMetric` as
    /// `ValueMetric`s. The originals lose it.
    pub surplus_metrics: bool,
}

impl Default for ToV1 {
    fn default() -> Self {
        Self {
            surplus_metrics: true,
        }
    }
}

/// Gives each V1 envelope that a V2 envelope becomes to `each`: one, or for gauges any
/// number, a `ContainerMetric` first, then `ValueMetric`s sorted by name. `Some` says why
/// there are none. Every required field is set and no enum is 0: where a tag is missing
/// the method is GET and the peer type Server.
///
/// # Errors
/// Bytes that are no V2 envelope. Strings that are not UTF-8 are no error.
pub fn v2_to_v1(
    envelope: &[u8],
    options: &ToV1,
    each: &mut dyn FnMut(&[u8]),
) -> Result<Option<NoV1>, ConvertError> {
    if let Err(error @ PeekError::Malformed(_)) = peek(envelope) {
        return Err(error.into());
    }
    let envelope = Envelope::read(envelope);
    let mut sink = Sink {
        envelope: &envelope,
        out: BytesMut::with_capacity(envelope.len + 128),
        each,
    };
    Ok(match envelope.member {
        v2::LOG if envelope.field(TYPE) == b"Error" => error(&mut sink),
        v2::LOG => log(&mut sink),
        v2::COUNTER => counter(&mut sink),
        v2::GAUGE => gauge::gauge(&mut sink, options.surplus_metrics),
        v2::TIMER => timer::timer(&mut sink),
        v2::EVENT => Some(NoV1::Event),
        _ => Some(NoV1::NoMessage),
    })
}

/// Writes the V1 envelopes of one V2 envelope.
struct Sink<'e, 'a> {
    envelope: &'e Envelope<'a>,
    out: BytesMut,
    each: &'e mut dyn FnMut(&[u8]),
}

impl Sink<'_, '_> {
    /// Gives away a V1 envelope. `tail` is what [`Sink::tail`] made.
    fn send(&mut self, event_type: EventType, body_key: u64, body: &[u8], tail: &[u8]) {
        self.out.clear();
        self.out.reserve(body.len() + tail.len() + 64);
        put::bytes(&mut self.out, key::ORIGIN, self.envelope.field(0));
        put::number(&mut self.out, key::EVENT_TYPE, u64::from(event_type as u32));
        let timestamp = self.envelope.timestamp.cast_unsigned();
        put::number(&mut self.out, key::TIMESTAMP, timestamp);
        put::bytes(&mut self.out, body_key, body);
        self.out.put_slice(tail);
        (self.each)(&self.out);
    }

    /// What follows the payload: the agent's fields and the tags that are not `dropped`,
    /// with the instance id as a tag if asked for.
    fn tail(&self, with_instance_id: bool, dropped: impl Fn(&[u8]) -> bool) -> BytesMut {
        const INSTANCE_ID: &[u8] = b"instance_id";
        let Envelope {
            source_id,
            instance_id,
            ..
        } = *self.envelope;
        let instance_id = if with_instance_id { instance_id } else { &[] };
        let mut tail = BytesMut::with_capacity(self.envelope.len + 64);
        for (place, key) in (1..).zip([key::DEPLOYMENT, key::JOB, key::INDEX, key::IP]) {
            put::bytes(&mut tail, key, self.envelope.field(place));
        }
        for tag in &self.envelope.tags {
            let replaced = tag.field.is_some()
                || (tag.name == SOURCE_ID && !source_id.is_empty())
                || (tag.name == INSTANCE_ID && !instance_id.is_empty())
                || dropped(tag.name);
            match tag.entry {
                _ if replaced => {}
                Some(entry) => put::bytes(&mut tail, key::TAG, entry),
                None => put_tag(&mut tail, tag.name, &tag.value),
            }
        }
        if !source_id.is_empty() {
            put_tag(&mut tail, SOURCE_ID, source_id);
        }
        if !instance_id.is_empty() {
            put_tag(&mut tail, INSTANCE_ID, instance_id);
        }
        tail
    }
}

fn log(sink: &mut Sink<'_, '_>) -> Option<NoV1> {
    let envelope = sink.envelope;
    let (payload, is_out) = read_log(&envelope.body);
    let message_type = if is_out {
        MessageType::Out
    } else {
        MessageType::Err
    };
    let mut body = BytesMut::with_capacity(envelope.len + 64);
    put::bytes(&mut body, text(1), payload);
    put::number(&mut body, varint(2), u64::from(message_type as u32));
    put::number(&mut body, varint(3), envelope.timestamp.cast_unsigned());
    put::bytes(&mut body, text(4), envelope.source_id);
    put::bytes(&mut body, text(5), envelope.tag(b"source_type"));
    put::bytes(&mut body, text(6), envelope.instance_id);
    let tail = sink.tail(false, |name| name == b"source_type");
    sink.send(EventType::LogMessage, v1::LOG_MESSAGE, &body, &tail);
    None
}

/// An error that came from V1.
fn error(sink: &mut Sink<'_, '_>) -> Option<NoV1> {
    let envelope = sink.envelope;
    let (payload, _) = read_log(&envelope.body);
    let mut body = BytesMut::with_capacity(envelope.len + 64);
    put::bytes(&mut body, text(1), envelope.tag(b"source"));
    put::number(&mut body, varint(2), envelope.int32(b"code"));
    put::bytes(&mut body, text(3), payload);
    let tail = sink.tail(false, |name| matches!(name, b"source" | b"code"));
    sink.send(EventType::Error, v1::ERROR, &body, &tail);
    None
}

/// The payload of a log, and whether it went to standard output.
fn read_log(body: &[u8]) -> (&[u8], bool) {
    const PAYLOAD: u64 = text(1);
    const TYPE: u64 = varint(2);
    let (mut payload, mut is_out) = (&[][..], true);
    for field in fields(body) {
        match field.key {
            PAYLOAD => payload = field.bytes(),
            TYPE => is_out = logweir_proto::peek_v1::int32(field.varint()) == 0,
            _ => {}
        }
    }
    (payload, is_out)
}

fn counter(sink: &mut Sink<'_, '_>) -> Option<NoV1> {
    const DELTA: u64 = varint(2);
    const TOTAL: u64 = varint(3);
    let (name, delta, total) = read_counter(&sink.envelope.body);
    let mut body = BytesMut::with_capacity(name.len() + 32);
    put::bytes(&mut body, text(1), name);
    put::number(&mut body, DELTA, delta);
    put::number(&mut body, TOTAL, total);
    let tail = sink.tail(true, |_| false);
    sink.send(EventType::CounterEvent, v1::COUNTER_EVENT, &body, &tail);
    None
}

fn read_counter(body: &[u8]) -> (&[u8], u64, u64) {
    const NAME: u64 = text(1);
    const DELTA: u64 = varint(2);
    const TOTAL: u64 = varint(3);
    let mut found = (&[][..], 0, 0);
    for field in fields(body) {
        match field.key {
            NAME => found.0 = field.bytes(),
            DELTA => found.1 = field.varint(),
            TOTAL => found.2 = field.varint(),
            _ => {}
        }
    }
    found
}
