//! Envelopes as proto JSON: every field written also when empty, 64-bit numbers
//! as strings, bytes as base64, map keys sorted, no white space.
//!
//! The bytes are those of Go's `protojson` with `EmitUnpopulated` (spec
//! loggregator-v2 §6.4). Readers refuse unknown fields: never add one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logweir_proto::frames::frames;
use logweir_proto::sanitize::sanitize;
use logweir_proto::v2::{self, envelope::Message, value::Data};
use prost::Message as _;

mod cache;
mod parse;
mod plain;
mod scalar;
#[cfg(test)]
mod tests;

pub use cache::{cache_meta, cache_page, cache_read, failure};
pub use parse::{ParseError, parse_batch};
use plain::Plain;
use scalar::{double, integer, quoted, string};

/// What became of the envelopes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Envelopes in the output.
    pub envelopes: usize,
    /// Frames left out since they hold no envelope. A batch that breaks off
    /// counts as one.
    pub refused: usize,
}

/// Appends `{"batch":[…]}` for the bytes of an `EnvelopeBatch`. Invalid UTF-8 is replaced; what is no envelope is left out and
/// counted.
pub fn envelope_batch(batch: &[u8], out: &mut Vec<u8>) -> Written {
    let mut written = Written::default();
    // Base64 and field names make the JSON about twice as long.
    out.reserve(batch.len() * 2);
    out.extend_from_slice(b"{\"batch\":[");
    let mut plain = Plain::default();
    for frame in frames(batch) {
        let before = out.len();
        if written.envelopes > 0 {
            out.push(b',');
        }
        let is_written = frame.is_ok_and(|frame| {
            plain.write(frame.envelope, out)
                || decode(frame.envelope)
                    .map(|decoded| envelope(&decoded, out))
                    .is_some()
        });
        if is_written {
            written.envelopes += 1;
        } else {
            out.truncate(before);
            written.refused += 1;
        }
    }
    out.extend_from_slice(b"]}");
    written
}

fn decode(bytes: &[u8]) -> Option<v2::Envelope> {
    v2::Envelope::decode(bytes)
        .ok()
        .or_else(|| v2::Envelope::decode(&*sanitize(bytes).ok()?).ok())
}

/// Appends the bytes of one envelope as a JSON object, and a newline. False if they are no
/// envelope: then nothing is appended.
pub fn line(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(decoded) = decode(bytes) else {
        return false;
    };
    envelope(&decoded, out);
    out.push(b'\n');
    true
}

/// Appends one envelope as a JSON object, on one line.
pub fn envelope(envelope: &v2::Envelope, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":");
    integer(envelope.timestamp, out);
    out.extend_from_slice(b",\"source_id\":");
    string(&envelope.source_id, out);
    out.extend_from_slice(b",\"instance_id\":");
    string(&envelope.instance_id, out);
    out.extend_from_slice(b",\"deprecated_tags\":");
    map(&envelope.deprecated_tags, out, value);
    out.extend_from_slice(b",\"tags\":");
    map(&envelope.tags, out, |text, out| string(text, out));
    if let Some(member) = &envelope.message {
        message(member, out);
    }
    out.push(b'}');
}

/// Appends the oneof member with its name and the comma before it.
fn message(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Log(log) => {
            out.extend_from_slice(b",\"log\":{\"payload\":\"");
            base64(&log.payload, out);
            out.extend_from_slice(b"\",\"type\":");
            match v2::log::Type::try_from(log.r#type) {
                Ok(known) => quoted(known.as_str_name(), out),
                Err(_) => out.extend_from_slice(log.r#type.to_string().as_bytes()),
            }
        }
        Message::Counter(counter) => {
            out.extend_from_slice(b",\"counter\":{\"name\":");
            string(&counter.name, out);
            out.extend_from_slice(b",\"delta\":");
            integer(counter.delta, out);
            out.extend_from_slice(b",\"total\":");
            integer(counter.total, out);
        }
        Message::Gauge(gauge) => {
            out.extend_from_slice(b",\"gauge\":{\"metrics\":");
            map(&gauge.metrics, out, |reading, out| {
                out.extend_from_slice(b"{\"unit\":");
                string(&reading.unit, out);
                out.extend_from_slice(b",\"value\":");
                double(reading.value, out);
                out.push(b'}');
            });
        }
        Message::Timer(timer) => {
            out.extend_from_slice(b",\"timer\":{\"name\":");
            string(&timer.name, out);
            out.extend_from_slice(b",\"start\":");
            integer(timer.start, out);
            out.extend_from_slice(b",\"stop\":");
            integer(timer.stop, out);
        }
        Message::Event(event) => {
            out.extend_from_slice(b",\"event\":{\"title\":");
            string(&event.title, out);
            out.extend_from_slice(b",\"body\":");
            string(&event.body, out);
        }
    }
    out.push(b'}');
}

/// Appends a typed tag: an object with the member that is set.
fn value(value: &v2::Value, out: &mut Vec<u8>) {
    out.push(b'{');
    match &value.data {
        None => {}
        Some(Data::Text(text)) => {
            out.extend_from_slice(b"\"text\":");
            string(text, out);
        }
        Some(Data::Integer(number)) => {
            out.extend_from_slice(b"\"integer\":");
            integer(*number, out);
        }
        Some(Data::Decimal(number)) => {
            out.extend_from_slice(b"\"decimal\":");
            double(*number, out);
        }
    }
    out.push(b'}');
}

/// Appends a map; its keys come sorted byte by byte.
fn map<'a, V: 'a>(
    entries: impl IntoIterator<Item = (&'a String, &'a V)>,
    out: &mut Vec<u8>,
    value: impl Fn(&V, &mut Vec<u8>),
) {
    out.push(b'{');
    for (index, (name, entry)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        value(entry, out);
    }
    out.push(b'}');
}

/// Appends standard base64 with padding.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}
